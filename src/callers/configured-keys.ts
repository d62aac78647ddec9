// Keys that stand in the configuration, in the place of keys that are fetched: they are what they are until it is read again.

import { indexKeys } from "../keys/key-index.ts";
import type { KeySet } from "../keys/key-set.ts";

/**
 * @param jwks members of a JSON Web Key Set (RFC 7517 §5)
 * @throws Error where none of them can check signatures
 */
export function createConfiguredKeys(jwks: readonly unknown[]): KeySet {
  const index = indexKeys({ keys: jwks });
  if (index === undefined) throw new Error("none of the configured keys can check signatures");
  return {
    atHand: (wanted) => index.lookUp(wanted),
    async find(wanted) {
      const key = index.lookUp(wanted);
      return key === undefined ? { kind: "unknown" } : { kind: "found", key };
    },
    // There is nobody to ask for newer ones, and nothing to wait for.
    renew: async () => undefined,
    ready: async () => undefined,
  };
}
