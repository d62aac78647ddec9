// An instant as log and trail write it. A busy process writes many within one millisecond, so the last one is kept.

let lastMs = 0;
let lastText = new Date(lastMs).toISOString();

/** ISO 8601 in UTC, to the millisecond. @param ms since the epoch */
export function instantText(ms: number): string {
  if (ms !== lastMs) {
    lastText = new Date(ms).toISOString();
    lastMs = ms;
  }
  return lastText;
}
