// When nothing can be alive any more that was issued until now: for how long what ends it must be remembered. Pure.

import type { Configuration } from "../config/schema.ts";
import { ownProvider } from "../exchange/minting.ts";
import type { AccessTokenRules } from "../exchange/token/access-token-rules.ts";
import { accessTokenRulesOf, ownTokenRulesOf } from "./token-rules.ts";

/** In seconds: a refresh that was under way when the entry was written keeps its handle alive for that much longer. */
const refreshUnderWay = 300;
/** An application goes on with a session for as long as it is used; this is longer than any that is. */
const longestSessionMs = 366 * 24 * 3_600_000;

/** Instants in seconds since the epoch. */
export interface TokenEnds {
  /** Until then a token of now may say that it was issued, by a clock that runs ahead. */
  readonly issuedUntil: number;
  readonly tokensOver: number;
  /** The same for what tokens are renewed by: handles and connections that nobody uses, and sessions. */
  readonly allOver: number;
}

/** @param name of a provider, or `cambio`: what this service issued itself. Undefined: there is none of that name */
export function tokenEndsAt(configuration: Configuration, name: string, nowMs: number): TokenEnds | undefined {
  const rules = rulesOf(configuration, name);
  if (rules === undefined) return undefined;
  const seconds = (ms: number) => Math.floor(nowMs / 1_000) + Math.ceil(ms / 1_000);
  const tokensOver = seconds(rules.clockToleranceMs + rules.maxLifetimeMs) + 1;
  const { database, vault } = configuration;
  const idleMs = database === undefined ? 0 : Math.max(database.handle_idle, vault.connection_idle);
  const renewalsOver = seconds(idleMs) + refreshUnderWay;
  const sessionsOver = seconds(configuredProvider(configuration, name)?.kind === "better-auth" ? longestSessionMs : 0);
  return { issuedUntil: seconds(rules.clockToleranceMs), tokensOver, allOver: Math.max(tokensOver, renewalsOver, sessionsOver) };
}

/** The same for a provider that nobody knows any more: in seconds since the epoch. */
export function longestEndAt(nowMs: number): number {
  return Math.ceil((nowMs + longestSessionMs) / 1_000);
}

/** What users of a provider are called in tokens that are issued here. Undefined: none are, or nobody knows. */
export function ownSubjectOf(configuration: Configuration, provider: string, id: string): string | undefined {
  const settings = configuredProvider(configuration, provider);
  return configuration.server.issuer === undefined || settings === undefined ? undefined : (settings.subject_prefix ?? "") + id;
}

function rulesOf(configuration: Configuration, name: string): AccessTokenRules | undefined {
  const { issuer } = configuration.server;
  if (name === ownProvider) return issuer === undefined ? undefined : ownTokenRulesOf(issuer);
  const provider = configuredProvider(configuration, name);
  return provider === undefined ? undefined : accessTokenRulesOf(provider);
}

function configuredProvider({ providers }: Configuration, name: string) {
  return Object.hasOwn(providers, name) ? providers[name] : undefined;
}
