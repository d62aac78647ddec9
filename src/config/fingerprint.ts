// Tells whether two configured values are the same, secrets and keys included: a rotated secret is a change. The result is a hash
// that is compared in this process and goes nowhere.

import { createHash, KeyObject } from "node:crypto";
import { Secret } from "../exchange/secret.ts";

export function fingerprint(value: unknown): string {
  return createHash("sha256")
    .update(JSON.stringify(plain(value)) ?? "")
    .digest("hex");
}

/** As JSON can show it, members in the order of their names. */
function plain(value: unknown): unknown {
  if (value instanceof Secret) return { secret: value.reveal() };
  if (value instanceof KeyObject) return { key: value.export({ format: "jwk" }) };
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([one], [other]) => (one < other ? -1 : 1))
      .map(([name, inner]) => [name, plain(inner)]),
  );
}
