// What stands in the records of the trail, before they are chained: members, their order, and how long a text may be.
// A body is the inside of a JSON object without sequence number and hashes; those are chained-lines.ts.

import { hash as digest } from "node:crypto";
import { instantText } from "../exchange/instant-text.ts";
import type { AuditEntry } from "../exchange/ports.ts";
import { asciiJson } from "./ascii-json.ts";

/** Of the format; stands in every file's first record. */
export const trailVersion = 1;

export type TrailKind = AuditEntry["kind"] | "open" | "gap" | "checkpoint" | "close";

/** Of one text as it is written, quotes and escapes included. Issuers may have 2,048 characters; identifiers are far shorter. */
const maxTextBytes = 2_304;
/** Of one list as it is written: 128 scopes of 64 characters. */
const maxListBytes = 8_960;

type Value = string | number | readonly string[] | undefined;

/** `requestId` → `request_id` */
type Spelled<Name extends string> = Name extends `${infer First}${infer Rest}`
  ? `${First extends Lowercase<First> ? First : `_${Lowercase<First>}`}${Spelled<Rest>}`
  : "";

/** A member that is added to entries has to find its place below before this compiles. */
type Members = Readonly<Record<"time" | Spelled<keyof AuditEntry>, Value>>;

/** In the order and the spelling of the file: made in one go, as there is one for every call. */
function entryMembers(entry: AuditEntry, atMs: number): Members {
  return {
    time: instantText(atMs),
    kind: entry.kind,
    request_id: entry.requestId,
    method: entry.method,
    protocol: entry.protocol,
    caller: entry.caller,
    address: entry.address,
    provider: entry.provider,
    issuer: entry.issuer,
    subject: entry.subject,
    origin_client: entry.originClient,
    actor: entry.actor,
    actor_issuer: entry.actorIssuer,
    issued: entry.issued,
    audience: entry.audience,
    scopes: entry.scopes,
    targets: entry.targets,
    rule: entry.rule,
    reported: entry.reported,
    token: entry.token,
    connection: entry.connection,
    reason: entry.reason,
    event: entry.event,
    count: entry.count,
  };
}

/** The file before this one in the same trail. */
export interface Continues {
  /** Its name when it was set aside, without a folder. */
  readonly file: string;
  /** Its last signed record. */
  readonly seq: number;
  readonly hash: string;
  /** False: nothing signed showed that this is where it ended. */
  readonly proven: boolean;
  /** Bytes behind that record, which are no part of the trail: what a write that failed has left. */
  readonly leftOver: number;
}

export interface Opening {
  /** 128 random bits in hex, the same in all files of a trail. */
  readonly chain: string;
  readonly keyId: string;
  readonly publicKey: string;
  readonly continues: Continues | undefined;
}

/** @param atMs when it happened, in epoch milliseconds */
export function entryBody(entry: AuditEntry, atMs: number): string {
  const members = entryMembers(entry, atMs);
  const whole = inside(members);
  // Nothing in it can be too long where all of it together is not.
  if (whole.length <= maxTextBytes) return whole;
  return inside(Object.fromEntries(Object.entries(members).map(([name, value]) => [name, bounded(value)])));
}

export function openBody({ chain, keyId, publicKey, continues }: Opening, atMs: number): string {
  return body("open", atMs, {
    version: trailVersion,
    chain,
    key_id: keyId,
    public_key: publicKey,
    ...(continues === undefined ? {} : { continues: continuesMembers(continues) }),
  });
}

function continuesMembers({ file, seq, hash, proven, leftOver }: Continues) {
  return { file, seq, hash, proven, left_over: leftOver };
}

/** @param count of records that could not be kept */
export function gapBody(count: number, atMs: number): string {
  return body("gap", atMs, { count });
}

export function checkpointBody(chain: string, atMs: number): string {
  return body("checkpoint", atMs, { chain });
}

/** @param why the trail goes on in a next file at once, or when the service is started again */
export function closeBody(chain: string, why: "rotated" | "stopped", atMs: number): string {
  return body("close", atMs, { chain, why });
}

function body(kind: TrailKind, atMs: number, members: Readonly<Record<string, unknown>>): string {
  return inside({ time: instantText(atMs), kind, ...members });
}

function inside(members: Readonly<Record<string, unknown>>): string {
  return asciiJson(members).slice(1, -1);
}

/** What is too long is not cut, which would make different values equal: its hash and its length stand in its place, as an object, which no text can pretend to be. */
function bounded(value: Value): unknown {
  if (value === undefined || typeof value === "number") return value;
  if (typeof value === "string") return boundedText(value);
  const texts = value.map(boundedText);
  const written = asciiJson(texts);
  return written.length <= maxListBytes ? texts : { sha256: sha256(asciiJson(value)), items: value.length };
}

function boundedText(text: string): unknown {
  const written = asciiJson(text);
  return written.length <= maxTextBytes ? text : { sha256: sha256(written), characters: text.length };
}

export function sha256(text: string): string {
  return digest("sha256", text, "hex");
}
