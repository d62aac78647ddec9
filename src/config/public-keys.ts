// A JSON Web Key Set written into a configuration (RFC 7517 §5): its form, and that no private key strayed into it. Whether a key
// can be used is decided where it is imported (keys/import-jwk.ts).

import { z } from "zod";
import type { Secret } from "../exchange/secret.ts";

const keySet = z.object({
  keys: z
    .array(z.looseObject({ kty: z.enum(["RSA", "EC", "OKP"]), kid: z.string().min(1).max(256) }))
    .min(1)
    .max(16),
});

/** Members of private and of symmetric keys (RFC 7518 §6). */
const privateMembers = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

export function parsePublicKeys(text: Secret) {
  const parsed = keySet.safeParse(json(text.reveal()));
  if (!parsed.success) return mistake('write a JSON Web Key Set: {"keys": [...]}, each key RSA, EC or OKP and with a kid');
  const { keys } = parsed.data;
  if (keys.some((key) => privateMembers.some((member) => member in key))) return mistake("leave out the private parts of the keys");
  if (new Set(keys.map((key) => key.kid)).size !== keys.length) return mistake("give each key a kid of its own");
  return { kind: "keys" as const, keys };
}

function mistake(advice: string) {
  return { kind: "mistake" as const, advice };
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
