// Issuing a token of this service's own (RFC 9068, RFC 8693 §2): policy decides, then scope, life and actors are narrowed to what the
// subject has, then it is signed. Who the subject is was verified before; what is kept afterwards is others' business.

import type { Actor } from "./claims.ts";
import type { Client, ProviderGrant } from "./clients.ts";
import type { Decide } from "./decision.ts";
import { ExchangeError } from "./errors.ts";
import type { Minting, MintRule, ProposedActor } from "./minting.ts";
import { type Attributes, mappedClaims, openedScopes, ownProvider } from "./minting.ts";
import type { ClaimValue, TokenSigner } from "./minting-ports.ts";
import type { Clock } from "./ports.ts";
import { readLeniently } from "./token/lenient-payload.ts";
import type { TokenSet } from "./tokens.ts";
import { permit, type Trail } from "./trail.ts";

/** Who a token is about, as it was verified. */
export interface MintSubject {
  /** What it was verified by: a token, a session; or a sign-in that was just carried out or is kept, which ends nothing by a time. */
  readonly credential: "SUBJECT_TOKEN" | "SESSION" | "SIGN_IN";
  /** Configured name of who vouches for it. */
  readonly provider: string;
  readonly subject: string;
  /** Epoch milliseconds: nothing that comes out of it lives longer. Infinity: what is configured decides alone. */
  readonly expiresAtMs: number;
  /** Of its own token; a session has none. */
  readonly scopes: readonly string[];
  /** All that stand in the new token, outermost first, each with its issuer. */
  readonly actors: readonly Actor[];
  /** Carried on: who may act for the subject does not grow by an exchange. */
  readonly mayAct: Actor | undefined;
  readonly attributes: Attributes;
}

export interface MintQuestion {
  readonly client: Client;
  readonly subject: MintSubject;
  /** Configured name. */
  readonly audience: string;
  /** Empty: all that may be. */
  readonly scopes: readonly string[];
  /** Those of the grant that is renewed, which bound the new ones; undefined: a grant of its own. */
  readonly within?: readonly string[];
  /** The one that this call puts in front; undefined: none. */
  readonly actor: ProposedActor | undefined;
  /** With a refresh handle. */
  readonly refreshToken: boolean;
  readonly trail: Trail;
}

/** A token that may be issued, and is not yet. */
export interface MintPlan {
  readonly issuer: string;
  readonly claims: Readonly<Record<string, ClaimValue>>;
  readonly rule: MintRule;
  readonly scopes: readonly string[];
  readonly subject: string;
  readonly expiresAtMs: number;
}

export interface MintDeps {
  readonly minting: Minting;
  readonly decide: Decide;
  readonly signer: TokenSigner;
  /** `iss`; undefined only where nothing is minted. */
  readonly issuer: string | undefined;
  readonly clock: Clock;
  /** Unguessable, a new one each time. */
  readonly freshId: () => string;
}

export interface Mint {
  /**
   * Decides; nothing is issued and nothing is on record yet.
   * @throws ExchangeError CALLER_NOT_ALLOWED, TARGET_NOT_ALLOWED, SCOPE_NOT_ALLOWED, DELEGATION_NOT_ALLOWED; TOKEN_EXPIRED, SESSION_INVALID
   */
  plan(question: MintQuestion): MintPlan;
  /** Signs. @throws ExchangeError STORE_UNAVAILABLE */
  issue(plan: MintPlan): Promise<TokenSet>;
  /** Before something is spent for a token of that audience. @throws ExchangeError STORE_UNAVAILABLE where `issue` would now */
  checkReady(audience: string): void;
}

export function createMint(deps: MintDeps): Mint {
  const { minting, decide, signer, issuer, clock, freshId } = deps;

  return {
    plan(question) {
      // 1. Policy decides.
      const { client, subject, audience, scopes, actor, refreshToken, trail } = question;
      const { provider, scopes: subjectScopes } = subject;
      trail.note({ targets: [audience] });
      permit(decide({ kind: "mint", client, provider, audience, scopes, subjectScopes, actor, refreshToken }), trail);
      const grant = client.providers.get(provider);
      const rule = minting.get(audience);
      const source = rule?.from.get(provider);
      // Held by the rules above, and by the configuration.
      if (grant === undefined || rule === undefined || source === undefined || issuer === undefined)
        throw new ExchangeError("TARGET_NOT_ALLOWED");

      // 2. Never wider than what it comes from, nor longer.
      const granted = narrowedScopes(question, { opened: openedScopes(source, { provider, scopes: subjectScopes }), grant });
      const issuedAt = Math.floor(clock() / 1_000);
      const expiresAt = narrowedExpiry(subject, issuedAt, Math.min(rule.lifetimeMs, grant.maxLifetimeMs ?? Infinity));

      // 3. What it says.
      const sub = provider === ownProvider ? subject.subject : source.subjectPrefix + subject.subject;
      const claims = {
        ...mappedClaims(source, subject.attributes),
        iss: issuer,
        sub,
        iat: issuedAt,
        exp: expiresAt,
        jti: freshId(),
        client_id: client.id,
        // Under a shared secret the token is that audience's by its key, and libraries refuse an `aud` that nobody told them of.
        ...(rule.identifier === undefined ? {} : { aud: rule.identifier }),
        ...(granted.length === 0 ? {} : { scope: granted.join(" ") }),
        ...actorClaims(subject),
      };
      return { issuer, claims, rule, scopes: granted, subject: sub, expiresAtMs: expiresAt * 1_000 };
    },

    async issue({ issuer: by, claims, rule, scopes, subject, expiresAtMs }) {
      const accessToken = await signer.sign(claims, rule.signing);
      return {
        accessToken,
        tokenType: "Bearer",
        expiresAtMs,
        refreshToken: undefined,
        idToken: undefined,
        scopes,
        issuer: by,
        subject,
        ours: true,
      };
    },

    checkReady(audience) {
      const rule = minting.get(audience);
      if (rule !== undefined) signer.check(rule.signing);
    },
  };
}

/** On record by its id, once it is handed over: whoever joined another's call was given the same. */
export function noteIssued(trail: Trail, { accessToken }: Pick<TokenSet, "accessToken">): void {
  const jti = readLeniently(accessToken)?.claims["jti"];
  if (typeof jti === "string") trail.note({ issued: jti });
}

/** Less than a second of it is left, or nothing. */
function ended({ credential: field, expiresAtMs }: MintSubject): ExchangeError {
  if (field === "SESSION") return new ExchangeError("SESSION_INVALID", { field });
  if (field === "SIGN_IN") return new ExchangeError("TARGET_NOT_ALLOWED");
  return new ExchangeError("TOKEN_EXPIRED", { field, expiredAt: Math.floor(expiresAtMs / 1_000) });
}

interface ScopeBounds {
  /** By the subject. */
  readonly opened: readonly string[];
  readonly grant: Pick<ProviderGrant, "scopes">;
}

/** @throws ExchangeError SCOPE_NOT_ALLOWED: beyond the grant that is renewed */
function narrowedScopes({ scopes, within }: MintQuestion, { opened, grant }: ScopeBounds): readonly string[] {
  const bound = within ?? opened;
  if (!scopes.every((scope) => bound.includes(scope))) throw new ExchangeError("SCOPE_NOT_ALLOWED");
  return scopes.length > 0 ? [...new Set(scopes)] : opened.filter((scope) => bound.includes(scope) && grant.scopes.includes(scope));
}

/**
 * `exp`, in whole seconds, rounded down.
 * @throws ExchangeError TOKEN_EXPIRED, SESSION_INVALID
 */
function narrowedExpiry(subject: MintSubject, issuedAt: number, lifetimeMs: number): number {
  const expiresAt = Math.min(issuedAt + Math.floor(lifetimeMs / 1_000), Math.floor(subject.expiresAtMs / 1_000));
  if (expiresAt <= issuedAt) throw ended(subject);
  return expiresAt;
}

/** RFC 8693 §4.1, §4.4. */
function actorClaims({ actors, mayAct }: MintSubject): Readonly<Record<string, ClaimValue>> {
  const act = actors.reduceRight<Readonly<Record<string, ClaimValue>> | undefined>(
    (earlier, actor) => ({ ...partyClaims(actor), ...(earlier === undefined ? {} : { act: earlier }) }),
    undefined,
  );
  return {
    ...(act === undefined ? {} : { act }),
    ...(mayAct === undefined ? {} : { may_act: partyClaims(mayAct) }),
  };
}

function partyClaims({ issuer, subject, clientId }: Actor): Readonly<Record<string, ClaimValue>> {
  return {
    ...(issuer === "" ? {} : { iss: issuer }),
    ...(subject === "" ? {} : { sub: subject }),
    ...(clientId === "" ? {} : { client_id: clientId }),
  };
}
