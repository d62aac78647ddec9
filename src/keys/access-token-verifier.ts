// The verifier of one issuer's JWT access tokens: parsing, signature and rules in the order in which they may cost something.
// Keys come from key-set.ts, what the claims must be from exchange/token/.

import { createHash } from "node:crypto";
import type { Verification } from "../exchange/claims.ts";
import { ExchangeError } from "../exchange/errors.ts";
import { type AccessTokenVerifier, type Clock, verificationLifetimeMs } from "../exchange/ports.ts";
import type { Secret } from "../exchange/secret.ts";
import { type AccessTokenRules, applyAccessTokenRules, checkIssuer } from "../exchange/token/access-token-rules.ts";
import { type CompactToken, parseCompact } from "../exchange/token/compact.ts";
import { revocationIdOf } from "../exchange/token/revocation-id.ts";
import { cryptographicDenial } from "../exchange/token/cryptographic-denial.ts";
import type { SignatureAlgorithm } from "./algorithms.ts";
import type { KeySet } from "./key-set.ts";
import { checkAtHand, checkSignature, type SignatureVerdict } from "./signature-check.ts";

export interface AccessTokenVerifierDeps {
  /** Of this issuer, and of no other. */
  readonly keySet: KeySet;
  readonly clock: Clock;
}

export interface AccessTokenVerifierOptions extends AccessTokenRules {
  readonly provider: string;
  readonly algorithms: readonly SignatureAlgorithm[];
  readonly denyKeyIds: readonly string[];
  /** Where the issuer's keys are read, as configured; here it only makes another `contentHash`. */
  readonly keySource: string;
  /** What this service itself issued. Default: somebody else did. */
  readonly ours?: OwnKeys;
}

/** Keys of our own come and go while the process runs, and one that was ended at once is refused at once, remembered or not. */
export interface OwnKeys {
  readonly isEnded: (keyId: string) => boolean;
}

export function createAccessTokenVerifier(
  deps: AccessTokenVerifierDeps,
  { ours, ...options }: AccessTokenVerifierOptions,
): AccessTokenVerifier {
  const listed = new Set(options.denyKeyIds);
  const denyKeyIds = ours === undefined ? listed : { has: (keyId: string) => listed.has(keyId) || ours.isEnded(keyId) };
  const check = { keySet: deps.keySet, rules: { algorithms: options.algorithms, denyKeyIds } };

  async function verify(token: Secret, signal: AbortSignal): Promise<Verification> {
    const parsed = parseCompact(token.reveal());
    // Before any key is asked for: a stranger's token causes no outbound call.
    checkIssuer(options, parsed);
    return judged(parsed, await checkSignature(check, parsed, signal));
  }

  function verifyAtHand(token: Secret, parsed = parseCompact(token.reveal())): Verification | undefined {
    checkIssuer(options, parsed);
    const verdict = checkAtHand(check, parsed);
    return verdict === undefined ? undefined : judged(parsed, verdict);
  }

  function judged(parsed: CompactToken, verdict: SignatureVerdict): Verification {
    if (verdict.kind === "forged") throw cryptographicDenial();
    if (verdict.kind === "refused") throw new ExchangeError("TOKEN_INVALID", { field: "SUBJECT_TOKEN" });

    const nowMs = deps.clock();
    const claims = applyAccessTokenRules(options, parsed, nowMs);
    return {
      claims,
      provider: options.provider,
      source: ours === undefined ? "LOCAL_KEYS" : "CAMBIO",
      keyId: verdict.key.kid ?? "",
      revocationId: revocationIdOf(claims.tokenId, parsed.signingInput, sha256),
      validUntilMs: Math.min(claims.expiresAt * 1_000 - options.expiryBufferMs, nowMs + verificationLifetimeMs),
    };
  }

  return {
    provider: options.provider,
    issuer: options.issuer,
    contentHash: hashOptions(options),
    denyKeyIds,
    ours: ours !== undefined,
    asksProvider: () => false,
    verifyAtHand,
    verify,
    verifyIssued: verify,
  };
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("base64url");
}

/** Members in the order of their names; lists in their own, which may decide. */
function hashOptions(options: Omit<AccessTokenVerifierOptions, "ours">): string {
  const members = Object.entries(options).toSorted(([one], [other]) => (one < other ? -1 : 1));
  return createHash("sha256").update(JSON.stringify(members)).digest("hex");
}
