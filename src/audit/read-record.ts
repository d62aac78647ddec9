// A line of the trail → the record, or what is wrong with the line by itself. Whether it follows the line before it is not
// known here.

import { asciiJson } from "./ascii-json.ts";
import { type Continues, sha256, type TrailKind, trailVersion } from "./record.ts";
import type { SignatureCheck } from "./signing-key.ts";

/** Of one line, far above what record.ts can make. */
export const maxLineBytes = 131_072;

export interface TrailRecord {
  readonly seq: number;
  readonly timeMs: number;
  readonly kind: TrailKind;
  /** All of it, as parsed. */
  readonly members: Readonly<Record<string, unknown>>;
  readonly prev: string;
  readonly hash: string;
  /** Absent signatures hold for nobody. */
  signedBy(check: SignatureCheck): boolean;
}

/** `foreign`: no record at all; `edited`: one whose hash does not fit it. */
export type ReadLine = TrailRecord | "foreign" | "edited";

const kinds: ReadonlySet<string> = new Set<TrailKind>(["intent", "outcome", "security", "open", "gap", "checkpoint", "close"]);
const signatureMember = /,"sig":"([\w-]+)"$/;

/** @param line without its end */
export function readRecord(line: string): ReadLine {
  const members = parse(line);
  if (members === undefined) return "foreign";
  const { seq, time, kind, prev, hash } = members;
  const timeMs = typeof time === "string" ? instantOf(time) : undefined;
  if (typeof seq !== "number" || !Number.isSafeInteger(seq) || timeMs === undefined) return "foreign";
  if (!isKind(kind) || typeof prev !== "string" || typeof hash !== "string") return "foreign";
  if (kind === "gap" && !isCount(members["count"])) return "foreign";
  // The very bytes are hashed, not what they mean: nothing can be respelled unseen.
  const end = `,"hash":"${hash}"}`;
  if (!line.endsWith(end)) return "foreign";
  const covered = line.slice(0, -end.length);
  if (sha256(covered) !== hash) return "edited";
  const signature = signatureMember.exec(covered);
  return {
    seq,
    timeMs,
    kind,
    members,
    prev,
    hash,
    signedBy: (check) => signature !== null && check(covered.slice(0, signature.index), signature[1] ?? ""),
  };
}

function parse(line: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    // A repeated member, white space or another escape would let two readers read two things.
    if (!isMembers(value) || asciiJson(value) !== line) return undefined;
    return value;
  } catch {
    return undefined;
  }
}

export function isSigned({ kind }: Pick<TrailRecord, "kind">): boolean {
  return kind === "checkpoint" || kind === "close";
}

/** What an `open` record says; undefined: not one that this version can read. */
export interface OpenRecord {
  readonly chain: string;
  readonly keyId: string;
  readonly publicKey: string;
  readonly continues: Continues | undefined;
}

export function readOpening({ kind, members }: TrailRecord): OpenRecord | undefined {
  const { version, chain, key_id: keyId, public_key: publicKey, continues } = members;
  if (kind !== "open" || version !== trailVersion) return undefined;
  if (typeof chain !== "string" || typeof keyId !== "string" || typeof publicKey !== "string") return undefined;
  if (continues === undefined) return { chain, keyId, publicKey, continues };
  const before = readContinues(continues);
  return before === undefined ? undefined : { chain, keyId, publicKey, continues: before };
}

function readContinues(value: unknown): Continues | undefined {
  if (!isMembers(value)) return undefined;
  const { file, seq, hash, proven, left_over: leftOver } = value;
  if (typeof file !== "string" || typeof seq !== "number" || typeof hash !== "string") return undefined;
  if (typeof proven !== "boolean" || typeof leftOver !== "number") return undefined;
  return { file, seq, hash, proven, leftOver };
}

/** Only as it is written here: the engine's own reading passes over whatever stands in brackets. */
function instantOf(time: string): number | undefined {
  const timeMs = Date.parse(time);
  return Number.isFinite(timeMs) && new Date(timeMs).toISOString() === time ? timeMs : undefined;
}

function isCount(count: unknown): boolean {
  return Number.isSafeInteger(count) && Number(count) >= 0;
}

function isKind(kind: unknown): kind is TrailKind {
  return typeof kind === "string" && kinds.has(kind);
}

function isMembers(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
