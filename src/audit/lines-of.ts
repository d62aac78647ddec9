// Bytes of a file, piece by piece → its lines, with their places. It never holds more than a piece and one line, so files may
// have any size.

import { maxLineBytes } from "./read-record.ts";

export interface PlacedLine {
  /** From 1. */
  readonly number: number;
  /** Without its end; undefined: longer than any record. */
  readonly text: string | undefined;
  /** Offset of the byte behind it, in bytes. */
  readonly end: number;
  /** False: the file ends in the middle of it. */
  readonly whole: boolean;
}

const newline = 0x0a;

export async function* linesOf(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<PlacedLine> {
  let number = 0;
  let end = 0;
  let held: Buffer[] = [];
  let heldBytes = 0;

  function hold(bytes: Buffer): void {
    heldBytes += bytes.length;
    if (heldBytes <= maxLineBytes) held.push(bytes);
  }
  function release(whole: boolean): PlacedLine {
    // One byte, one character: what is not ASCII stays visible as something that no record has.
    const text = heldBytes <= maxLineBytes ? Buffer.concat(held).toString("latin1") : undefined;
    number += 1;
    end += heldBytes + (whole ? 1 : 0);
    held = [];
    heldBytes = 0;
    return { number, text, end, whole };
  }

  for await (const piece of pieces) {
    const bytes = Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength);
    let from = 0;
    for (let at = bytes.indexOf(newline); at >= 0; at = bytes.indexOf(newline, from)) {
      hold(bytes.subarray(from, at));
      yield release(true);
      from = at + 1;
    }
    if (from < bytes.length) hold(bytes.subarray(from));
  }
  if (heldBytes > 0) yield release(false);
}
