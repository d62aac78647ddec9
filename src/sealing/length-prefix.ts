// An encoding of string lists in which different lists always give different bytes: what is hashed as a key or bound as
// associated data is built here and nowhere else, so that no boundary between two parts can be moved.

/** Tells the two spellings below apart. */
const utf8Mark = 0;
const utf16Mark = 1;
const prefixBytes = 5;

/** Each part as mark, length (32 bits, big-endian), bytes. */
export function lengthPrefixed(parts: readonly string[]): Buffer {
  const chunks: Buffer[] = [];
  for (const part of parts) {
    // UTF-8 turns every lone surrogate into U+FFFD, which would make different strings equal.
    const wellFormed = part.isWellFormed();
    const bytes = Buffer.from(part, wellFormed ? "utf8" : "utf16le");
    const prefix = Buffer.alloc(prefixBytes);
    prefix.writeUInt8(wellFormed ? utf8Mark : utf16Mark, 0);
    prefix.writeUInt32BE(bytes.length, 1);
    chunks.push(prefix, bytes);
  }
  return Buffer.concat(chunks);
}
