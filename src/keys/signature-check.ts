// The way from a parsed token to "signed by this issuer", the same for every kind of token: algorithm, key, signature.
// What the token says, and which error a refusal becomes, is the matter of its kind.

import type { CompactToken } from "../exchange/token/compact.ts";
import type { SignatureAlgorithm } from "./algorithms.ts";
import type { VerificationKey } from "./import-jwk.ts";
import type { KeySet } from "./key-set.ts";
import { verifySignature } from "./verify-signature.ts";

export interface SignatureRules {
  /** The algorithms of this issuer; the header's is only compared with them. */
  readonly algorithms: readonly SignatureAlgorithm[];
  /** Key ids that are refused whatever the issuer publishes. */
  readonly denyKeyIds: ReadonlySet<string>;
}

export type SignatureVerdict =
  | { readonly kind: "good"; readonly key: VerificationKey }
  /** Checked under the key that it names: it will never be good. */
  | { readonly kind: "forged" }
  /** Not checked: another algorithm, a denied key, a key that is not there. */
  | { readonly kind: "refused" };

/** @throws ExchangeError UPSTREAM_*, DEADLINE_EXCEEDED: the keys cannot be had */
export async function checkSignature(
  { keySet, rules }: { readonly keySet: KeySet; readonly rules: SignatureRules },
  token: CompactToken,
  signal: AbortSignal,
): Promise<SignatureVerdict> {
  const { alg, kid } = token.header;
  const algorithm = rules.algorithms.find((allowed) => allowed === alg);
  if (algorithm === undefined || (kid !== undefined && rules.denyKeyIds.has(kid))) return { kind: "refused" };

  const answer = await keySet.find({ kid, alg: algorithm }, signal);
  if (answer.kind === "unknown") return { kind: "refused" };
  const { key } = answer;
  // Again by the key's own name: a token that names none must not get around the list.
  if (key.kid !== undefined && rules.denyKeyIds.has(key.kid)) return { kind: "refused" };
  return verifySignature(key, algorithm, token) ? { kind: "good", key } : { kind: "forged" };
}
