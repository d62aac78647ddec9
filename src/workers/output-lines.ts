// Lines of several processes on one standard output: each arrives there whole. The system keeps only short writes into a pipe apart,
// and a record of the audit trail may be longer than that, so workers write to the supervisor, which passes whole lines on.

import type { Readable, Writable } from "node:stream";

export interface OutputLines {
  /** Passes on what it writes until it ends. */
  follow(source: Readable): void;
  /** @param text whole lines */
  write(text: string): void;
}

/** Held back while a line has no end. Nobody here writes lines of that length: what is longer is passed on in pieces. */
const maxHeldBytes = 1_048_576;
const newline = 0x0a;

export function createOutputLines(destination: Writable): OutputLines {
  const sources = new Set<Readable>();
  let broken = false;

  // Who writes to a pipe that nobody reads is told so by the system. So are workers: without its trail nothing is issued.
  destination.on("error", () => {
    broken = true;
    for (const source of sources) source.destroy();
  });
  destination.on("drain", () => {
    for (const source of sources) source.resume();
  });

  function pass(bytes: Buffer): void {
    if (broken || destination.write(bytes)) return;
    // A slow reader holds workers back, as it would hold back a single process.
    for (const source of sources) source.pause();
  }

  return {
    follow(source) {
      let held: readonly Buffer[] = [];
      let heldBytes = 0;
      const release = (last: Buffer) => {
        pass(Buffer.concat([...held, last]));
        held = [];
        heldBytes = 0;
      };
      const hold = (rest: Buffer) => {
        if (rest.length === 0) return;
        held = [...held, rest];
        heldBytes += rest.length;
        if (heldBytes > maxHeldBytes) release(Buffer.of(newline));
      };
      // What it writes meets the same error there as it would here.
      if (broken) {
        source.destroy();
        return;
      }
      sources.add(source);
      source.on("data", (piece: Buffer) => {
        const end = piece.lastIndexOf(newline) + 1;
        if (end > 0) release(piece.subarray(0, end));
        hold(piece.subarray(end));
      });
      source.on("error", () => undefined);
      source.once("close", () => {
        sources.delete(source);
        if (heldBytes > 0) release(Buffer.of(newline));
      });
    },
    write: (text) => pass(Buffer.from(text)),
  };
}
