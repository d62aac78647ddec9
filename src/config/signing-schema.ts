// The part of the configuration's shape that is about this service's own signing keys. What is a usable key is signing-key.ts; what
// these settings demand of others is signing-rules.ts.

import { z } from "zod";
import { signingAlgorithms } from "../exchange/minting-ports.ts";
import { duration } from "./fields.ts";
import { parseSigningKey } from "./signing-key.ts";

/** Characters: an RSA key of 8192 bits in PEM has 6,400. */
const maxKeyLength = 16_384;
/** How long a created key signs unless it is said otherwise: 30 days. */
const defaultRotateEveryMs = 2_592_000_000;

/** `format: password` marks what may be read from a file: shape.ts looks for it. */
const privateKey = z
  .string()
  .min(1)
  .max(maxKeyLength)
  .meta({ format: "password" })
  .transform((text, context) => {
    const parsed = parseSigningKey(text);
    if (parsed.kind === "key") return { algorithm: parsed.algorithm, key: parsed.key };
    context.addIssue({ code: "custom", message: parsed.advice });
    return z.NEVER;
  });

/** RFC 3339 §5.6 → epoch milliseconds. */
const instant = z
  .string()
  .regex(
    /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,3})?(Z|[+-][0-9]{2}:[0-9]{2})$/,
    "write an instant with its offset, such as 2026-12-01T00:00:00Z",
  )
  .transform((text, context) => {
    const ms = Date.parse(text);
    // 30 February is the second of March to Date.parse: what comes out must be the day that was written.
    if (Number.isFinite(ms) && isSameDay(text, ms)) return ms;
    context.addIssue({ code: "custom", message: "write an instant that exists, such as 2026-12-01T00:00:00Z" });
    return z.NEVER;
  });

function isSameDay(text: string, ms: number): boolean {
  const [, sign = "+", hours = "0", minutes = "0"] = /([+-])([0-9]{2}):([0-9]{2})$/.exec(text) ?? [];
  const offsetMs = (Number(hours) * 60 + Number(minutes)) * 60_000 * (sign === "-" ? -1 : 1);
  return new Date(ms + offsetMs).toISOString().slice(0, 10) === text.slice(0, 10);
}

const signingKey = z.strictObject({
  private_key: privateKey.describe(
    "P-256 signs ES256, Ed25519 EdDSA, RSA of 2048 bits or more RS256. PKCS#8 in PEM, or a JWK; as a rule from a file (private_key_file).",
  ),
  activates_at: instant
    .optional()
    .describe(
      "When it begins to sign, and the key before it ends to: an instant such as 2026-12-01T00:00:00Z. It is published from the start of the process on. Default: at once.",
    ),
});

interface WrittenSigning<K> {
  readonly keys?: readonly K[] | undefined;
  readonly rotate_every?: number | undefined;
}

export const signing = z
  .strictObject({
    algorithm: z
      .enum(signingAlgorithms)
      .default("ES256")
      .describe("By which tokens are signed for audiences that name no algorithm: ES256, EdDSA or RS256."),
    keys: z
      .array(signingKey)
      .min(1)
      .max(16)
      .optional()
      .describe("Keys from files. Without them keys are created, kept sealed in the database, and replaced by themselves."),
    rotate_every: duration("24h", "8760h")
      .optional()
      .describe("How long a created key signs before the next one does. 24h to 8760h. Default: 720h."),
    announce: duration("2h", "168h")
      .prefault("24h")
      .describe("How long a key is published before it signs: longer than any verifier keeps what it has fetched. 2h to 168h."),
  })
  .transform(completed);

/** Created keys are replaced by themselves; keys from files by whoever writes them. */
function completed<K, T extends WrittenSigning<K>>({ keys, rotate_every, ...signed }: T & WrittenSigning<K>) {
  return keys === undefined ? { ...signed, keys, rotate_every: rotate_every ?? defaultRotateEveryMs } : { ...signed, keys, rotate_every };
}
