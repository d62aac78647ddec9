// Tokens as a provider hands them out, after its answer was checked.

import type { Secret } from "./secret.ts";

export const tokenTypes = {
  accessToken: "urn:ietf:params:oauth:token-type:access_token",
  refreshToken: "urn:ietf:params:oauth:token-type:refresh_token",
  jwt: "urn:ietf:params:oauth:token-type:jwt",
} as const;

export interface TokenSet {
  readonly accessToken: Secret;
  /** As the provider spells it, `Bearer` as a rule. */
  readonly tokenType: string;
  /** Epoch milliseconds; undefined: the provider does not say. */
  readonly expiresAtMs: number | undefined;
  readonly refreshToken: Secret | undefined;
  readonly idToken: Secret | undefined;
  /** Undefined: the provider does not say, so it granted what was asked for (RFC 6749 §5.1). */
  readonly scopes: readonly string[] | undefined;
  readonly issuer: string;
  /** Who signed in, from the verified ID token; absent: there was none. */
  readonly subject?: string;
}
