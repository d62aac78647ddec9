// Bodies → lines of the trail: numbered, each with the hash of the line before it, some of them signed. It owns where hash and
// signature stand in a line and what they cover; read-record.ts takes the same lines apart.

import { sha256 } from "./record.ts";
import type { SigningKey } from "./signing-key.ts";

/** A record in a chain, as the next one knows it. */
export interface ChainPoint {
  readonly seq: number;
  readonly hash: string;
}

/** What the first record of a chain follows. */
export const chainStart: ChainPoint = { seq: 0, hash: "0".repeat(64) };

/** The lines of one write. Nothing of it counts until it is written, so a write that failed is begun anew from the same point. */
export interface ChainedLines {
  add(body: string): void;
  /** A record whose signature vouches for itself and, through its hash, for all before it. */
  addSigned(body: string): void;
  readonly lines: readonly string[];
  end(): ChainPoint;
}

export function startLines(from: ChainPoint, key: SigningKey): ChainedLines {
  const lines: string[] = [];
  let end = from;

  function push(covered: string): void {
    const hash = sha256(covered);
    lines.push(`${covered},"hash":"${hash}"}\n`);
    end = { seq: end.seq + 1, hash };
  }
  const linked = (body: string) => `{"seq":${end.seq + 1},${body},"prev":"${end.hash}"`;

  return {
    add: (body) => push(linked(body)),
    addSigned(body) {
      const signed = linked(body);
      push(`${signed},"sig":"${key.sign(signed)}"`);
    },
    lines,
    end: () => end,
  };
}
