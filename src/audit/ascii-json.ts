// JSON in one spelling: one line of printable ASCII, whatever the values hold. So no value can end a line, hide itself from a
// reader or speak to a terminal, and a line that says the same in other bytes is not one of ours.

/** Same value, same bytes: members in their order, no white space, everything beyond printable ASCII as \uNNNN. */
export function asciiJson(value: unknown): string {
  return asciiText(JSON.stringify(value));
}

const beyondAscii = /[^\x20-\x7e]/;

/** What a terminal may be given: everything beyond printable ASCII as \uNNNN, the ends of lines too. */
export function asciiText(text: string): string {
  // Nearly always there is nothing to replace.
  if (!beyondAscii.test(text)) return text;
  return text.replaceAll(/[^\x20-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
