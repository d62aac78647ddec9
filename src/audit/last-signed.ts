// Where a trail ended when nobody was writing it: what the next file begins from. It only finds the place; whether everything
// before it is as it was written is for verify.ts to say, and stays to be said.

import type { ChainPoint } from "./chained-lines.ts";
import type { Disk } from "./disk.ts";
import { linesOf } from "./lines-of.ts";
import { isSigned, type OpenRecord, readOpening, readRecord, type TrailRecord } from "./read-record.ts";
import { createSignatureCheck, type SigningKey } from "./signing-key.ts";

export interface TrailEnd {
  readonly chain: string;
  readonly point: ChainPoint;
  /** A signature of a known key shows that the trail ended here. */
  readonly proven: boolean;
  /** Undefined: there is no file, only the head is left. */
  readonly file: { readonly firstSeq: number; readonly bytes: number } | undefined;
  /** Its last line, where the head is good and names an earlier one. */
  readonly unnamed?: string | undefined;
}

export interface Places {
  readonly disk: Disk;
  readonly path: string;
  readonly headPath: string;
}

/** Undefined: there is no trail yet. `not a trail`: the file is somebody else's. */
export async function findTrailEnd(places: Places, keys: readonly SigningKey[]): Promise<TrailEnd | "not a trail" | undefined> {
  const { disk, path, headPath } = places;
  const head = signedRecord((await disk.side.read(headPath))?.trimEnd());
  const found = await disk.trail.look(path);
  if (found === undefined || found.bytes === 0) {
    const known = head !== undefined && keys.some(({ publicKey }) => signedUnder(head, publicKey));
    return known ? { chain: chainOf(head), point: pointOf(head), proven: true, file: undefined } : undefined;
  }
  const scanned = await scan(disk.pieces(path));
  if (scanned === undefined) return "not a trail";
  const { opening, first, last, bytes } = scanned;
  // The file names its key, but under an id of ours only our key counts.
  const publicKey = keys.find(({ id }) => id === opening.keyId)?.publicKey ?? opening.publicKey;
  const holds = (record: TrailRecord | undefined): record is TrailRecord =>
    record !== undefined && chainOf(record) === opening.chain && signedUnder(record, publicKey);
  const headHolds = holds(head);
  const isFurther = headHolds && head.seq > last.seq;
  const isBehind = headHolds && head.seq < last.seq && holds(last);
  return {
    chain: opening.chain,
    // A head that knows more shows that the file was cut: going on behind the head makes that visible for good.
    point: pointOf(isFurther ? head : last),
    proven: headHolds || (last.kind === "close" && holds(last)),
    file: { firstSeq: first.seq, bytes },
    unnamed: isBehind ? scanned.line : undefined,
  };
}

interface Scanned {
  readonly opening: OpenRecord;
  readonly first: TrailRecord;
  readonly last: TrailRecord;
  /** `last` as it stands there. */
  readonly line: string;
  /** Up to and with `last`. */
  readonly bytes: number;
}

async function scan(pieces: AsyncIterable<Uint8Array>): Promise<Scanned | undefined> {
  let scanned: Scanned | undefined;
  let first: TrailRecord | undefined;
  let opening: OpenRecord | undefined;
  for await (const { number, text, end, whole } of linesOf(pieces)) {
    // Reading a record takes a hundred times as long as skipping it.
    if (number > 1 && text?.includes(',"kind":"c') !== true) continue;
    const record = whole && text !== undefined ? readRecord(text) : "foreign";
    if (number === 1) {
      if (typeof record === "string") return undefined;
      first = record;
      opening = readOpening(record);
    }
    if (first === undefined || opening === undefined) return undefined;
    if (text !== undefined && typeof record !== "string" && isSigned(record))
      scanned = { opening, first, last: record, line: text, bytes: end };
  }
  return scanned;
}

function signedRecord(line: string | undefined): TrailRecord | undefined {
  const record = line === undefined ? "foreign" : readRecord(line);
  return typeof record !== "string" && isSigned(record) ? record : undefined;
}

function chainOf({ members }: TrailRecord): string {
  return typeof members["chain"] === "string" ? members["chain"] : "";
}

function signedUnder(record: TrailRecord, publicKey: string): boolean {
  const check = createSignatureCheck(publicKey);
  return check !== undefined && record.signedBy(check);
}

function pointOf({ seq, hash }: TrailRecord): ChainPoint {
  return { seq, hash };
}
