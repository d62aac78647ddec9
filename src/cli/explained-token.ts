// The claims of a token, held against the rules of its provider: the same function that the service asks, once a signature is good.
// Signatures, headers and revocations are not looked at here; there is nothing of them in the claims.

import { verifiesTokens } from "../config/provider-rules.ts";
import type { Configuration } from "../config/schema.ts";
import type { TokenClaims } from "../exchange/claims.ts";
import { ownProvider } from "../exchange/minting.ts";
import { circumstanceOf, ExchangeError } from "../exchange/errors.ts";
import {
  type AccessTokenRules,
  applyAccessTokenRules,
  clientNames,
  clientRule,
  lifetimeRule,
} from "../exchange/token/access-token-rules.ts";
import type { CompactToken } from "../exchange/token/compact.ts";
import type { JsonObject } from "../exchange/token/strict-json.ts";
import { accessTokenRulesOf, ownTokenRulesOf } from "../policy/token-rules.ts";
import { type Sheet, shown } from "./explain-sheet.ts";

type Settings = Configuration["providers"][string];

export interface ShownToken {
  readonly claims: JsonObject;
  /** Configured name; empty: found by `iss`. */
  readonly provider: string;
  readonly nowMs: number;
}

export interface ExplainedToken {
  readonly provider: string;
  readonly claims: TokenClaims;
}

/** @throws ExchangeError as the service would */
export function explainToken(configuration: Configuration, token: ShownToken, sheet: Sheet): ExplainedToken {
  const { provider, rules, settings } = ownOf(configuration, token, sheet) ?? providerOf(configuration.providers, token, sheet);
  sheet.remark(
    "Taken as signed by that provider, with a header of an accepted type, and as not revoked: nothing of that is in its claims.",
  );
  const tell = (step: TokenStep, verdict: "holds" | "refuses") => {
    const setting = settingOf(step, settings);
    sheet.step(verdict, setting === undefined ? `token ${step.claims}` : `providers.${provider}.${setting}`, step.note(rules, token));
  };
  try {
    const claims = applyAccessTokenRules(rules, assumed(rules, token.claims), token.nowMs);
    for (const step of steps) tell(step, "holds");
    return { provider, claims };
  } catch (failure) {
    const failing = steps.findIndex(({ refusals }) => refusals.includes(refusalOf(failure)));
    for (const [index, step] of steps.entries()) if (index <= failing) tell(step, index < failing ? "holds" : "refuses");
    throw failure;
  }
}

function providerOf(providers: Configuration["providers"], { provider, claims }: ShownToken, sheet: Sheet): Issuing {
  const named = provider !== "";
  const issuer = claims["iss"];
  const found = Object.entries(providers).find(([name, settings]) => (named ? name === provider : settings.issuer === issuer));
  if (found === undefined) {
    sheet.step("refuses", "providers", named ? `none has the name ${shown(provider)}` : `none has the issuer ${shown(issuer)}`);
    throw new ExchangeError(named ? "PROVIDER_UNKNOWN" : "ISSUER_NOT_TRUSTED");
  }
  sheet.step("holds", `providers.${found[0]}`, named ? "named by the call" : `has the issuer ${shown(issuer)}`);
  const refused = issuesNone(found[1]);
  if (refused !== undefined) {
    sheet.step("refuses", `providers.${found[0]}.${refused.setting}`, refused.note);
    throw new ExchangeError(named ? "PROVIDER_UNKNOWN" : "ISSUER_NOT_TRUSTED");
  }
  return { provider: found[0], rules: accessTokenRulesOf(found[1]), settings: found[1] };
}

/** Undefined: its tokens may be accepted. */
function issuesNone(settings: Settings): { readonly setting: string; readonly note: string } | undefined {
  if (settings.kind === "better-auth") return settings.jwt ? undefined : { setting: "jwt", note: "it issues no tokens that are accepted" };
  return verifiesTokens(settings) ? undefined : { setting: "kind", note: "nobody but that provider can read its access tokens" };
}

interface Issuing {
  readonly provider: string;
  readonly rules: AccessTokenRules;
  /** Undefined: this service itself. */
  readonly settings: Settings | undefined;
}

/** Undefined: it is not this service's own. */
function ownOf({ server }: Configuration, { provider, claims }: ShownToken, sheet: Sheet): Issuing | undefined {
  const isMeant = provider === ownProvider || (provider === "" && claims["iss"] === server.issuer);
  if (server.issuer === undefined || !isMeant) return undefined;
  sheet.step("holds", "server.issuer", "a token of this service's own");
  return { provider: ownProvider, rules: ownTokenRulesOf(server.issuer), settings: undefined };
}

/** Of a provider that keeps sessions only the issuer is configured: what its JWTs must say otherwise stands in code. */
function settingOf(step: TokenStep, settings: Settings | undefined): string | undefined {
  if (settings === undefined) return undefined;
  return settings.kind === "better-auth" && step.setting !== "issuer" ? undefined : step.setting;
}

/** All that is not in the claims, as good as it can be. */
function assumed(rules: AccessTokenRules, payload: JsonObject): CompactToken {
  return { header: { alg: "", kid: undefined, typ: rules.headerTypes[0] }, payload, signingInput: "", signature: new Uint8Array() };
}

/** One rule for tokens. */
interface TokenStep {
  /** Reason and circumstance of the failures by which it refuses. */
  readonly refusals: readonly string[];
  readonly claims: string;
  /** Key of the provider that decides; undefined: no key does. */
  readonly setting?: string;
  readonly note: (rules: AccessTokenRules, token: ShownToken) => string;
}

const values = (...names: readonly string[]): TokenStep["note"] => {
  return (_rules, { claims }) => names.map((name) => `${name} ${shown(claims[name])}`).join(", ");
};
const instants = (...names: readonly string[]): TokenStep["note"] => {
  return (_rules, { claims, nowMs }) =>
    [...names.map((name) => `${name} ${instant(claims[name])}`), `now ${new Date(nowMs).toISOString()}`].join(", ");
};
const form = (claim: string): TokenStep => ({ refusals: [`TOKEN_INVALID ${claim}`], claims: claim, note: values(claim) });

/** In the order in which the service looks at them. */
const steps: readonly TokenStep[] = [
  {
    refusals: ["ISSUER_NOT_TRUSTED iss"],
    claims: "iss",
    setting: "issuer",
    note: ({ issuerCheck }, { claims }) => `iss ${shown(claims["iss"])}${issuerCheck ? "" : ", not compared: issuer_check is false"}`,
  },
  { refusals: ["TOKEN_TYPE_MISMATCH typ"], claims: "typ", setting: "tokens.payload_type", note: values("typ") },
  {
    refusals: ["TOKEN_INVALID exp", "TOKEN_INVALID iat", "TOKEN_INVALID nbf"],
    claims: "exp, iat, nbf",
    note: values("exp", "iat", "nbf"),
  },
  { refusals: [`TOKEN_INVALID ${lifetimeRule}`], claims: "exp, iat", setting: "tokens.max_lifetime", note: instants("iat", "exp") },
  { refusals: ["TOKEN_EXPIRED exp"], claims: "exp", setting: "tokens.expiry_buffer", note: instants("exp") },
  {
    refusals: ["TOKEN_NOT_YET_VALID iat", "TOKEN_NOT_YET_VALID nbf"],
    claims: "iat, nbf",
    setting: "tokens.clock_tolerance",
    note: instants("iat", "nbf"),
  },
  { refusals: ["PROOF_REQUIRED cnf"], claims: "cnf", note: values("cnf") },
  form("sub"),
  {
    refusals: [`TOKEN_INVALID ${clientRule}`],
    claims: "client",
    setting: "tokens.client_claims",
    note: (rules, token) => values(...(rules.soleClient === undefined ? rules.clientClaims : clientNames))(rules, token),
  },
  form("aud"),
  form("scope"),
  form("jti"),
  form("act"),
];

/** Seconds since the epoch, as people say it. */
function instant(value: unknown): string {
  const date = typeof value === "number" ? new Date(value * 1_000) : undefined;
  return date === undefined || Number.isNaN(date.getTime()) ? shown(value) : date.toISOString();
}

function refusalOf(failure: unknown): string {
  return failure instanceof ExchangeError ? `${failure.reason} ${fieldOf(failure) ?? ""}` : "";
}

/** The field of the message, or the claim of the token, by which a call fails. */
export function fieldOf(failure: unknown): string | undefined {
  const circumstance = circumstanceOf(failure);
  return circumstance?.kind === "rule" ? circumstance.field : undefined;
}
