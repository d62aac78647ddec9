// What this service needs to issue tokens of its own, as the core sees it: a signer, and nothing of keys.

import type { Secret } from "./secret.ts";

/** Algorithms whose keys are published. */
export const signingAlgorithms = ["ES256", "EdDSA", "RS256"] as const;
export type SigningAlgorithm = (typeof signingAlgorithms)[number];

/** By which key a token is signed. */
export type SigningChoice =
  /** This service's own key, which every verifier finds in its key set. */
  | { readonly kind: "published"; readonly algorithm: SigningAlgorithm }
  /** HS256 by the secret that this service shares with one audience, by its configured name. */
  | { readonly kind: "shared"; readonly audience: string };

export type ClaimValue = string | number | boolean | readonly string[] | { readonly [name: string]: ClaimValue };

/** keys/: signs. */
export interface TokenSigner {
  /**
   * A compact JWS (RFC 7515 §7.1): `typ` is `at+jwt` under a published key and `JWT` under a shared secret.
   * @throws ExchangeError STORE_UNAVAILABLE: no key is at hand that may sign now
   */
  sign(claims: Readonly<Record<string, ClaimValue>>, by: SigningChoice): Promise<Secret>;
  /** @throws ExchangeError STORE_UNAVAILABLE where `sign` would now */
  check(by: SigningChoice): void;
}
