// JSON in one spelling: one line of printable ASCII, whatever the values hold. So no value can end a line, hide itself from a
// reader or speak to a terminal, and a line that says the same in other bytes is not one of ours.

/** Same value, same bytes: members in their order, no white space, everything beyond printable ASCII as \uXXXX. */
export function asciiJson(value: unknown): string {
  return JSON.stringify(value).replace(/[\u007f-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
