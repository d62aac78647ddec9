// The verifier of JWTs by which an application that keeps sessions vouches for its users: its own keys, one client (itself), and the
// algorithms that Better Auth's JWT plugin signs with. How a token is checked is access-token-verifier.ts, what it must say
// exchange/token/.

import type { AccessTokenVerifier } from "../exchange/ports.ts";
import type { AccessTokenRules } from "../exchange/token/access-token-rules.ts";
import { type AccessTokenVerifierDeps, createAccessTokenVerifier } from "./access-token-verifier.ts";
import type { SignatureAlgorithm } from "./algorithms.ts";

export interface SessionTokenVerifierOptions {
  readonly provider: string;
  /** `soleClient` is whom its tokens count as issued to. */
  readonly rules: AccessTokenRules & { readonly soleClient: string };
  /** Where its keys are read; here it only makes another `contentHash`. */
  readonly keySource: string;
}

/** The plugin's default, and the two others that it can be told to use which every verifier knows. */
const algorithms: readonly SignatureAlgorithm[] = ["EdDSA", "ES256", "RS256"];

export function createSessionTokenVerifier(deps: AccessTokenVerifierDeps, options: SessionTokenVerifierOptions): AccessTokenVerifier {
  const { provider, rules, keySource } = options;
  return createAccessTokenVerifier(deps, { ...rules, provider, algorithms, denyKeyIds: [], keySource });
}
