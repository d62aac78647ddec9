// What a spooled answer holds, as bytes and back: all that the compare-and-set would write, its columns sealed as they are for the row.

import { z } from "zod";
import type { NextTokens } from "../store/connection-rows.ts";

const bytes = z.base64().transform((text) => new Uint8Array(Buffer.from(text, "base64")));

const shape = z.strictObject({
  generation: z.int(),
  sealed_grant: bytes,
  sealed_tokens: bytes,
  refreshed_at: z.int(),
  due_at: z.int().nullable(),
  used_at: z.int().exactOptional(),
  expires_at: z.int().exactOptional(),
});

export function encodeSpooled({ sealed_grant: grant, sealed_tokens: tokens, ...rest }: NextTokens): Uint8Array {
  return Buffer.from(JSON.stringify({ ...rest, sealed_grant: base64(grant), sealed_tokens: base64(tokens) }));
}

/** Undefined: not such bytes. */
export function decodeSpooled(spooled: Uint8Array): NextTokens | undefined {
  try {
    return shape.parse(JSON.parse(Buffer.from(spooled).toString()));
  } catch {
    return undefined;
  }
}

function base64(column: Uint8Array | null): string {
  return Buffer.from(column ?? []).toString("base64");
}
