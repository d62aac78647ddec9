// A revocation as bytes and back, for what leaves the process under seal. Decoding takes nothing on trust: a value of another
// shape, an older one for example, is no revocation.

import { z } from "zod";
import type { Revocation } from "../exchange/ports.ts";

const instant = z.int().nonnegative();
const name = z.string().min(1);

const revocation = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("token"), provider: name, id: name, expiresAt: instant }),
  z.strictObject({ kind: z.literal("subject"), provider: name, id: name, until: instant, expiresAt: instant }),
]);

const announcement = z.strictObject({ log: z.string().max(64), seq: instant, atMs: instant, revocation: revocation.optional() });

/** What replicas tell one another. With a revocation: it was just put into the log, there. Without: so far the log has come. */
export interface Announcement {
  readonly log: string;
  readonly seq: number;
  /** When the log was asked, or the revocation told; epoch milliseconds. */
  readonly atMs: number;
  readonly revocation?: Revocation | undefined;
}

export function encodeRevocation(value: Revocation): Uint8Array {
  return Buffer.from(JSON.stringify(value));
}

export function decodeRevocation(bytes: Uint8Array): Revocation | undefined {
  return decode(revocation, bytes);
}

export function encodeAnnouncement(value: Announcement): Uint8Array {
  return Buffer.from(JSON.stringify(value));
}

export function decodeAnnouncement(bytes: Uint8Array): Announcement | undefined {
  return decode(announcement, bytes);
}

function decode<T>(shape: z.ZodType<T>, bytes: Uint8Array): T | undefined {
  try {
    return shape.safeParse(JSON.parse(Buffer.from(bytes).toString())).data;
  } catch {
    return undefined;
  }
}
