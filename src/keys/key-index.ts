// One fetched key set, imported and arranged for look-ups: immutable, and of one issuer only.

import type { SignatureAlgorithm } from "./algorithms.ts";
import { fitsAlgorithm, importJwk, type VerificationKey } from "./import-jwk.ts";

export interface WantedKey {
  /** From the token's header; undefined: it names none. */
  readonly kid: string | undefined;
  readonly alg: SignatureAlgorithm;
}

export interface KeyIndex {
  /** Keys that can check signatures. */
  readonly size: number;
  /** Members of the set that cannot. */
  readonly dropped: number;
  /** The one key that is meant; undefined: none, or more than one. */
  lookUp(wanted: WantedKey): VerificationKey | undefined;
}

/** Providers publish two to five. Each one is an import, and a candidate for tokens without a key id. */
export const maxKeys = 64;

/** @returns undefined: not a key set that can be used (another shape, too many keys, no key for signatures) */
export function indexKeys(answer: unknown): KeyIndex | undefined {
  const members = isSet(answer) ? answer.keys : undefined;
  if (!Array.isArray(members) || members.length > maxKeys) return undefined;
  const keys = members.map(importJwk).filter((key) => key !== undefined);
  if (keys.length === 0) return undefined;

  const byName = new Map<string, VerificationKey[]>();
  for (const key of keys) {
    if (key.kid !== undefined) byName.set(key.kid, [...(byName.get(key.kid) ?? []), key]);
  }

  return {
    size: keys.length,
    dropped: members.length - keys.length,
    lookUp({ kid, alg }) {
      // Two keys of one type under one name: which one was meant is a guess, even where `alg` tells them apart.
      const named = kid === undefined ? keys : (byName.get(kid) ?? []).filter((key, _, same) => isOnlyOfItsType(key, same));
      const [only, ...others] = named.filter((key) => fitsAlgorithm(key, alg));
      return others.length === 0 ? only : undefined;
    },
  };
}

function isSet(answer: unknown): answer is { readonly keys: unknown } {
  return typeof answer === "object" && answer !== null && "keys" in answer;
}

function isOnlyOfItsType(key: VerificationKey, keys: readonly VerificationKey[]): boolean {
  return keys.every((other) => other === key || other.type !== key.type);
}
