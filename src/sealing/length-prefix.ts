// An encoding of string lists in which different lists always give different bytes: what is hashed as a key or bound as
// associated data is built here and nowhere else, so that no boundary between two parts can be moved.

/** Tells the two spellings below apart. */
const utf8Mark = 0;
const utf16Mark = 1;
const prefixBytes = 5;

/** Each part as mark, length (32 bits, big-endian), bytes. */
export function lengthPrefixed(parts: readonly string[]): Buffer {
  let size = 0;
  for (const part of parts) size += prefixBytes + bytesOf(part);
  const bytes = Buffer.allocUnsafe(size);
  let at = 0;
  for (const part of parts) {
    const isText = part.isWellFormed();
    const written = bytes.write(part, at + prefixBytes, isText ? "utf8" : "utf16le");
    bytes.writeUInt8(isText ? utf8Mark : utf16Mark, at);
    bytes.writeUInt32BE(written, at + 1);
    at += prefixBytes + written;
  }
  return bytes;
}

/** UTF-8 turns every lone surrogate into U+FFFD, which would make different strings equal: such strings keep their own units. */
function bytesOf(part: string): number {
  return Buffer.byteLength(part, part.isWellFormed() ? "utf8" : "utf16le");
}
