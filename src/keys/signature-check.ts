// The way from a parsed token to "signed by this issuer", the same for every kind of token: algorithm, key, signature.
// What the token says, and which error a refusal becomes, is the matter of its kind.

import type { CompactToken } from "../exchange/token/compact.ts";
import type { SignatureAlgorithm } from "./algorithms.ts";
import type { VerificationKey } from "./import-jwk.ts";
import type { WantedKey } from "./key-index.ts";
import type { KeySet } from "./key-set.ts";
import { verifySignature } from "./verify-signature.ts";

export interface SignatureRules {
  /** The algorithms of this issuer; the header's is only compared with them. */
  readonly algorithms: readonly SignatureAlgorithm[];
  /** Key ids that are refused whatever the issuer publishes. */
  readonly denyKeyIds: Pick<ReadonlySet<string>, "has">;
}

export interface SignatureCheck {
  /** Of the one issuer whose token it can be. */
  readonly keySet: KeySet;
  readonly rules: SignatureRules;
}

export type SignatureVerdict =
  | { readonly kind: "good"; readonly key: VerificationKey }
  /** Checked under the key that it names: it will never be good. */
  | { readonly kind: "forged" }
  /** Another algorithm, a denied key, a key that is not there; or it names no key, and is not signed by the one that fits now. */
  | { readonly kind: "refused" };

const refused = { kind: "refused" } as const;

/** @throws ExchangeError UPSTREAM_*, DEADLINE_EXCEEDED: the keys cannot be had */
export async function checkSignature(check: SignatureCheck, token: CompactToken, signal: AbortSignal): Promise<SignatureVerdict> {
  const { alg, kid } = token.header;
  const algorithm = check.rules.algorithms.find((allowed) => allowed === alg);
  if (algorithm === undefined || (kid !== undefined && check.rules.denyKeyIds.has(kid))) return refused;

  const wanted = { kid, alg: algorithm };
  const key = await findAllowed(check, wanted, signal);
  if (key !== undefined && verifySignature(key, algorithm, token)) return { kind: "good", key };
  if (kid !== undefined) return key === undefined ? refused : { kind: "forged" };

  // It names no key, so the one that fits is a guess, and a wrong one once the issuer has rotated: a newer set may hold another.
  // For the same reason nothing is remembered against the token.
  await check.keySet.renew(signal);
  const newer = await findAllowed(check, wanted, signal);
  if (newer === undefined || newer === key || !verifySignature(newer, algorithm, token)) return refused;
  return { kind: "good", key: newer };
}

/** The same with the key at hand. Undefined: there is none, or another may have signed it; `checkSignature` decides. */
export function checkAtHand({ keySet, rules }: SignatureCheck, token: CompactToken): SignatureVerdict | undefined {
  const { alg, kid } = token.header;
  const algorithm = rules.algorithms.find((allowed) => allowed === alg);
  if (algorithm === undefined || (kid !== undefined && rules.denyKeyIds.has(kid))) return refused;
  const key = keySet.atHand({ kid, alg: algorithm });
  if (key === undefined || (key.kid !== undefined && rules.denyKeyIds.has(key.kid))) return undefined;
  if (verifySignature(key, algorithm, token)) return { kind: "good", key };
  return kid === undefined ? undefined : { kind: "forged" };
}

/** By the key's own name too: a token that names none must not get around the list. */
async function findAllowed(
  { keySet, rules }: SignatureCheck,
  wanted: WantedKey,
  signal: AbortSignal,
): Promise<VerificationKey | undefined> {
  const answer = await keySet.find(wanted, signal);
  if (answer.kind === "unknown" || (answer.key.kid !== undefined && rules.denyKeyIds.has(answer.key.kid))) return undefined;
  return answer.key;
}
