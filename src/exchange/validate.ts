// ValidateCrossClient: may a token that was issued to one client be used at another's audience (RFC 9068 §4, RFC 8725); and on
// request, one of the caller's own in its place (RFC 8693). What is remembered is the verification; whether it allows anything is
// decided anew on every call, hit or miss.

import { acceptToken, checkStanding } from "./accepted-token.ts";
import type { Verification } from "./claims.ts";
import type { Client } from "./clients.ts";
import type { Decide } from "./decision.ts";
import { type Circumstance, ExchangeError } from "./errors.ts";
import { ownAudience } from "./holding-audience.ts";
import { type Mint, noteIssued } from "./mint.ts";
import { isMinted, type Minting } from "./minting.ts";
import type { Revocations } from "./ports.ts";
import type { Secret } from "./secret.ts";
import { type Patience, type Soon, whenThere } from "./soon.ts";
import { checkTokenSize, type VerifySubject } from "./subject-token.ts";
import type { Swap } from "./swap.ts";
import type { TokenSubject } from "./token-subject.ts";
import type { TokenSet } from "./tokens.ts";
import type { Trail } from "./trail.ts";

export interface ValidateQuestion {
  readonly client: Client;
  readonly token: Secret;
  /** Configured name; empty: found by the token's issuer. */
  readonly provider: string;
  /** Configured name; empty: the client's default. */
  readonly audience: string;
  readonly requiredScopes: readonly string[];
  /** Also get a token for that audience with those scopes. */
  readonly exchange: boolean;
  readonly trail: Trail;
}

export interface ValidateAnswer {
  readonly verification: Verification;
  /** Undefined: none was asked for. */
  readonly tokens: TokenSet | undefined;
  /** Who issued them; undefined: none were asked for. */
  readonly issuance: "PROVIDER_EXCHANGE" | "MINTED" | undefined;
  /** Epoch milliseconds. */
  readonly validUntilMs: number;
  readonly cached: boolean;
}

export interface ValidateDeps {
  readonly verifySubject: VerifySubject;
  readonly swap: Swap;
  readonly minting: Minting;
  readonly mint: Mint;
  readonly tokenSubject: TokenSubject;
  readonly decide: Decide;
  readonly revocations: Pick<Revocations, "check">;
}

export function createValidate(deps: ValidateDeps) {
  return function validate(question: ValidateQuestion, patience: Patience): Soon<ValidateAnswer> {
    // 1. Bound the size, and the question: only for an audience of the caller's own.
    const { client, token, trail } = question;
    checkTokenSize(token);
    const audience = ownAudience(client, question.audience);
    trail.note({ credential: token, audience, scopes: question.requiredScopes });

    // 2. Who issued it, and is it genuine and current: remembered, or found out.
    return whenThere(deps.verifySubject(question, patience), ({ verification, cached }) => {
      // 3. Not revoked; and tokens of that client may reach this audience, with these scopes.
      acceptToken(deps, { client, audience, requiredScopes: question.requiredScopes, trail }, verification);
      const { validUntilMs } = verification;
      if (!question.exchange) return { verification, tokens: undefined, issuance: undefined, validUntilMs, cached };

      // 4. One of the caller's own in its place: with the scopes that were required, or it is of no use. Issued here or at its
      //    provider, as configured.
      const minted = isMinted(deps.minting, verification.provider, [audience]);
      return (minted ? mintInPlace : swapInPlace)(question, { verification, audience }, patience.signal);
    });
  };

  async function mintInPlace(question: ValidateQuestion, at: Accepted, signal: AbortSignal): Promise<ValidateAnswer> {
    const { verification } = at;
    const tokens = await mintFrom(question, at, signal);
    const validUntilMs = Math.min(verification.validUntilMs, tokens.expiresAtMs ?? verification.validUntilMs);
    return { verification, tokens, issuance: "MINTED", validUntilMs, cached: false };
  }

  async function swapInPlace(
    question: ValidateQuestion,
    { verification, audience }: Accepted,
    signal: AbortSignal,
  ): Promise<ValidateAnswer> {
    const { client, token: subjectToken, requiredScopes: scopes, trail } = question;
    const wanted = { audience, audiences: [audience], scopes, refreshToken: false };
    const swapped = await deps.swap({ client, subjectToken, verification, ...wanted, trail }, signal);
    checkScopes(scopes, swapped.verification.claims.scopes);
    const { tokens, cached } = swapped;
    const validUntilMs = Math.min(verification.validUntilMs, swapped.validUntilMs);
    return { verification, tokens, issuance: "PROVIDER_EXCHANGE", validUntilMs, cached };
  }

  async function mintFrom(
    { client, requiredScopes: scopes, trail }: ValidateQuestion,
    at: Accepted,
    signal: AbortSignal,
  ): Promise<TokenSet> {
    const subject = await deps.tokenSubject(at.verification);
    const plan = deps.mint.plan({ client, subject, audience: at.audience, scopes, actor: undefined, refreshToken: false, trail });
    await trail.intent();
    if (signal.aborted) throw new ExchangeError("DEADLINE_EXCEEDED");
    checkStanding(deps.revocations, at.verification);
    const tokens = await deps.mint.issue(plan);
    noteIssued(trail, tokens);
    return tokens;
  }
}

interface Accepted {
  readonly verification: Verification;
  /** Configured name. */
  readonly audience: string;
}

export type Validate = ReturnType<typeof createValidate>;

function checkScopes(required: readonly string[], granted: readonly string[]): void {
  if (required.every((scope) => granted.includes(scope))) return;
  throw new ExchangeError("SCOPE_INSUFFICIENT", { cause: { kind: "rule", field: "exchanged scope" } satisfies Circumstance });
}
