// What an access token must say, once its signature is good (RFC 9068 §4, RFC 8725): pure, and the only place that decides
// which instant of a claim lies in the past or ahead. Whether the token opens an audience is policy, not decided here.

import type { TokenClaims } from "../claims.ts";
import { type Circumstance, ExchangeError, type FailureFacts, type Reason } from "../errors.ts";
import { readActors, readMayAct } from "./actor-chain.ts";
import { isInstant, isText, plainMediaType, readAudiences } from "./claim-shapes.ts";
import { type CompactToken, unverifiedIssuer } from "./compact.ts";
import type { JsonObject, JsonValue } from "./strict-json.ts";

/** What claims must be, whatever carries them: a signed token, or a provider's answer about one (RFC 7662). */
export interface ClaimRules {
  readonly issuer: string;
  /** False: `iss` is not compared, and not repeated either. */
  readonly issuerCheck: boolean;
  /** Claims that name the client; each must be there, and all agree. */
  readonly clientClaims: readonly string[];
  /** Of an issuer that issues to nobody but this one, and names nobody: the client of all its tokens. One that names a client is refused. */
  readonly soleClient?: string;
  /** A token counts as expired this long before its `exp`. */
  readonly expiryBufferMs: number;
  /** How far `iat` and `nbf` may lie ahead. */
  readonly clockToleranceMs: number;
  /** The most that `exp` may lie after `iat`. */
  readonly maxLifetimeMs: number;
}

export interface AccessTokenRules extends ClaimRules {
  /** Accepted `typ` headers, without `application/`, any case; `untyped`: none at all. */
  readonly headerTypes: readonly string[];
  /** Required `typ` in the payload; undefined: none. */
  readonly payloadType: string | undefined;
}

/** Stands among header types for a token that has none. */
export const untyped = "";

/** Payload `typ` of tokens that Keycloak signs with the same keys; never an access token, whatever is configured. */
const foreignPayloadTypes = ["id", "refresh", "offline", "logout"];

/** Claims of ID tokens (OpenID Connect Core §3.1.3.6, §3.3.2.11) and of logout tokens (Back-Channel Logout §2.4). */
const foreignClaims = ["nonce", "at_hash", "c_hash", "events"];

/** Claims by which issuers name whom a token was issued to. */
export const clientNames = ["client_id", "azp"] as const;

/** What refusals are named after where no single claim is at fault. */
export const clientRule = "client_claims";
export const lifetimeRule = "max_lifetime";

/**
 * @param token its signature was verified with a key of the rules' issuer
 * @throws ExchangeError ISSUER_NOT_TRUSTED, TOKEN_TYPE_MISMATCH, TOKEN_INVALID, TOKEN_EXPIRED, TOKEN_NOT_YET_VALID, PROOF_REQUIRED;
 *   its circumstance names the claim, never its value
 */
export function applyAccessTokenRules(rules: AccessTokenRules, token: CompactToken, nowMs: number): TokenClaims {
  checkIssuer(rules, token);
  checkType(rules, token);
  return readClaims(rules, token.payload, nowMs);
}

/**
 * The claims of an access token whose issuer and type were looked at.
 * @throws ExchangeError TOKEN_INVALID, TOKEN_EXPIRED, TOKEN_NOT_YET_VALID, PROOF_REQUIRED; its circumstance names the claim
 */
export function readClaims(rules: ClaimRules, payload: JsonObject, nowMs: number): TokenClaims {
  const { issuedAt, expiresAt } = checkTimes(rules, payload, nowMs);
  const mayAct = readMayAct(payload["may_act"]);
  // Bound to a key that the sender would have to prove (RFC 7800 §3.1); a bearer of it proves nothing.
  if ("cnf" in payload) throw refusal("PROOF_REQUIRED", "cnf");
  return {
    // As configured, never as the token says it: with the check off, a holder of this issuer's keys could name any other issuer and
    // so speak as its users wherever a user is issuer and subject.
    issuer: rules.issuer,
    subject: required("sub", isText(payload["sub"]) ? payload["sub"] : undefined),
    clientId: required(clientRule, readClient(rules, payload)),
    audiences: required("aud", readAudiences(payload["aud"])),
    scopes: required("scope", readScopes(payload["scope"])),
    issuedAt,
    expiresAt,
    tokenId: required("jti", payload["jti"] === undefined ? "" : isText(payload["jti"]) ? payload["jti"] : undefined),
    // An actor without an issuer has the token's. That word is only good where it was compared.
    actors: required("act", readActors(payload["act"], rules.issuerCheck ? "" : rules.issuer)),
    ...(mayAct === undefined ? {} : { mayAct }),
    name: optionalText(payload["name"]),
    preferredUsername: optionalText(payload["preferred_username"]),
    email: optionalText(payload["email"]),
  };
}

/** Byte for byte. Exported because a verifier asks it first of all, before it looks for a key. */
export function checkIssuer(rules: Pick<AccessTokenRules, "issuer" | "issuerCheck">, token: CompactToken): void {
  if (rules.issuerCheck && unverifiedIssuer(token) !== rules.issuer) throw refusal("ISSUER_NOT_TRUSTED", "iss");
}

function checkType(rules: AccessTokenRules, { header, payload }: CompactToken): void {
  const headerType = header.typ === undefined ? undefined : plainMediaType(header.typ);
  const payloadType = payload["typ"];
  const accepted = rules.headerTypes.some((type) => (type === untyped ? headerType === undefined : plainMediaType(type) === headerType));
  if (!accepted) throw refusal("TOKEN_TYPE_MISMATCH", "typ");
  if (rules.payloadType !== undefined && payloadType !== rules.payloadType) throw refusal("TOKEN_TYPE_MISMATCH", "typ");
  if (isForeignType(payloadType)) throw refusal("TOKEN_TYPE_MISMATCH", "typ");
  // Where no type tells kinds apart (`JWT` says nothing), a claim that only another kind carries does.
  const typed = headerType === "at+jwt" || rules.payloadType !== undefined;
  if (!typed && foreignClaims.some((name) => name in payload)) throw refusal("TOKEN_TYPE_MISMATCH", "typ");
}

/** Whether it is the payload `typ` of another kind of token. */
export function isForeignType(payloadType: JsonValue | undefined): boolean {
  return typeof payloadType === "string" && foreignPayloadTypes.includes(payloadType.toLowerCase());
}

function checkTimes(rules: ClaimRules, payload: JsonObject, nowMs: number): { issuedAt: number; expiresAt: number } {
  const { exp, iat, nbf } = payload;
  if (!isInstant(exp)) throw refusal("TOKEN_INVALID", "exp");
  if (!isInstant(iat)) throw refusal("TOKEN_INVALID", "iat");
  if (nbf !== undefined && !isInstant(nbf)) throw refusal("TOKEN_INVALID", "nbf");
  const lifetimeMs = (exp - iat) * 1_000;
  if (lifetimeMs <= 0 || lifetimeMs > rules.maxLifetimeMs) throw refusal("TOKEN_INVALID", lifetimeRule);
  // The buffer only shortens, the tolerance never lengthens.
  if (nowMs >= exp * 1_000 - rules.expiryBufferMs) {
    throw refusal("TOKEN_EXPIRED", "exp", { expiredAt: exp });
  }
  const latestMs = nowMs + rules.clockToleranceMs;
  if (iat * 1_000 > latestMs) throw refusal("TOKEN_NOT_YET_VALID", "iat");
  if (nbf !== undefined && nbf * 1_000 > latestMs) throw refusal("TOKEN_NOT_YET_VALID", "nbf");
  return { issuedAt: iat, expiresAt: exp };
}

/** No claim configured means no client, not any. */
function readClient({ clientClaims: claims, soleClient }: ClaimRules, payload: JsonObject): string | undefined {
  // What its keys sign for somebody else is none of its own: an ID token's payload, or a third party's access token.
  if (soleClient !== undefined) return clientNames.some((name) => name in payload) ? undefined : soleClient;
  const [first, ...others] = claims.map((claim) => payload[claim]);
  return isText(first) && others.every((other) => other === first) ? first : undefined;
}

/** Names with a space between (RFC 6749 §3.3). An empty name is no name. */
function readScopes(scope: JsonValue | undefined): readonly string[] | undefined {
  if (scope === undefined || scope === "") return [];
  return isText(scope) ? scope.split(" ").filter((name) => name !== "") : undefined;
}

/** For claims that inform and decide nothing: another shape counts as absent. */
function optionalText(value: JsonValue | undefined): string {
  return isText(value) ? value : "";
}

function required<T>(claim: string, value: T | undefined): T {
  if (value === undefined) throw refusal("TOKEN_INVALID", claim);
  return value;
}

/** @param claim which one, for the log and for whoever asks why; the caller is not told */
function refusal(reason: Reason, claim: string, facts: FailureFacts = {}): ExchangeError {
  const cause: Circumstance = { kind: "rule", field: claim };
  return new ExchangeError(reason, { field: "SUBJECT_TOKEN", cause, ...facts });
}
