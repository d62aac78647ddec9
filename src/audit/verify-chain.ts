// One file of the trail, line by line: does each record follow the one before it, and do signatures vouch for them. How the file
// begins and ends, and what lies beside it, is verify-file.ts.

import { asciiJson } from "./ascii-json.ts";
import { type ChainPoint, chainStart } from "./chained-lines.ts";
import { type Findings, recordsNamed } from "./findings.ts";
import type { PlacedLine } from "./lines-of.ts";
import { isSigned, type OpenRecord, readOpening, readRecord, type TrailRecord } from "./read-record.ts";
import { createSignatureCheck, type SignatureCheck } from "./signing-key.ts";

/** Clocks are set back, by a little. */
const timeToleranceMs = 300_000;

export interface SignedEnd extends ChainPoint {
  readonly kind: "checkpoint" | "close";
  /** Offset of the byte behind it. */
  readonly bytes: number;
}

export interface ChainCheck {
  line(line: PlacedLine): void;
  /** The last record that a signature vouches for, and whether anything stands behind it. */
  state(): { readonly opening: OpenRecord | undefined; readonly signed: SignedEnd | undefined; readonly records: number };
}

export interface ChainContext {
  readonly file: string;
  readonly findings: Findings;
  /** Public keys that are believed; undefined: the one that the file names. */
  readonly trusted: ReadonlySet<string> | undefined;
  /** Called for each record that a signature vouches for. */
  readonly onSigned: (end: SignedEnd) => void;
}

export function createChainCheck({ file, findings, trusted, onSigned }: ChainContext): ChainCheck {
  let opening: OpenRecord | undefined;
  let check: SignatureCheck | undefined;
  let end: ChainPoint | undefined;
  let signed: SignedEnd | undefined;
  let records = 0;
  let latestMs = Number.NEGATIVE_INFINITY;
  /** The line before was none of the trail's: a record may have stood there. */
  let disturbed = false;

  function begin(record: TrailRecord, at: (problem: string) => void): void {
    opening = readOpening(record);
    if (opening === undefined) {
      at("not the beginning of a file: what stood before it is missing, or it is of another version");
      return;
    }
    const from = opening.continues ?? chainStart;
    if (record.seq !== from.seq + 1 || record.prev !== from.hash) at("does not follow from where it says that it goes on");
    if (trusted?.has(opening.publicKey) === false) at(`signed under another key, which it calls ${quoted(opening.keyId)}`);
    check = createSignatureCheck(opening.publicKey);
  }

  function follow(record: TrailRecord, before: ChainPoint, at: (problem: string) => void): boolean {
    if (record.seq <= before.seq) {
      at(`record ${record.seq} is out of its place or repeated`);
      return false;
    }
    const missing = record.seq - before.seq - 1;
    if (missing === 1 && disturbed) return true;
    if (missing > 0) at(`${recordsNamed(before.seq + 1, record.seq - 1)} missing before it`);
    else if (record.prev !== before.hash) at("does not follow from the record before it: one of the two was put in place of another");
    return true;
  }

  /** Other records may have waited for a disk: only those that are made when they are written are held against the clock. */
  function checkTime(record: TrailRecord, at: (problem: string) => void): void {
    latestMs = Math.max(latestMs, record.timeMs);
    if (!isSigned(record) && record.kind !== "open") return;
    if (record.timeMs < latestMs - timeToleranceMs) at("its time lies before that of earlier records");
    latestMs = record.timeMs;
  }

  function checkSignature(record: TrailRecord, bytes: number, at: (problem: string) => void): void {
    if (check === undefined || !record.signedBy(check)) at("its signature does not hold");
    else {
      signed = { seq: record.seq, hash: record.hash, kind: record.kind === "close" ? "close" : "checkpoint", bytes };
      onSigned(signed);
    }
  }

  return {
    line({ number, text, end: bytes, whole }) {
      const at = (problem: string) => findings.add({ file, line: number, problem });
      if (!whole) return at("cut in the middle of a line");
      const record = text === undefined ? "foreign" : readRecord(text);
      if (typeof record === "string") {
        disturbed = true;
        return at(record === "edited" ? "was changed: its hash does not fit it" : "not a record of a trail");
      }
      if (signed?.kind === "close") at("stands behind the end of the file");
      records += 1;
      if (end === undefined) begin(record, at);
      else {
        if (record.kind === "open") at("another file begins here");
        if (!follow(record, end, at)) return;
      }
      disturbed = false;
      end = record;
      checkTime(record, at);
      if (record.kind === "gap") findings.note(`${file} line ${number}: ${String(record.members["count"])} records could not be kept`);
      if (isSigned(record)) checkSignature(record, bytes, at);
    },
    state: () => ({ opening, signed, records }),
  };
}

/** Names come from a file that somebody may have changed: whatever they hold, they stay one short line in quotes. */
export function quoted(name: string): string {
  return asciiJson(name.slice(0, 64));
}
