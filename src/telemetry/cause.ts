// Where an unexpected error was thrown, and its code. Never its message: parsers and sockets quote what they were given, a token
// for instance. What is written of it, and where, is its users' business.

/** More frames than this say nothing more. */
const maxFrames = 12;

/** The frames of its stack, the innermost first; none where the message cannot be told from them. */
export function framesOf(error: unknown): readonly string[] {
  if (!(error instanceof Error)) return [];
  const { stack = "", message } = error;
  // The message stands in front of the frames and may have lines that look like one.
  const at = stack.indexOf(message);
  const lines = at < 0 ? [] : stack.slice(at + message.length).split("\n");
  return lines
    .filter((line) => line.startsWith("    at "))
    .slice(0, maxFrames)
    .map((line) => line.trim());
}

/** Such as `ECONNRESET`; undefined: it has none. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}
