// What a provider says about itself (OpenID Connect Discovery 1.0, RFC 8414): its endpoints, remembered, and its key set,
// fetched anew each time (keys/ remembers it). What configuration says wins over what the provider says.

import { allowInsecureRequests, customFetch, discoveryRequest } from "oauth4webapi";
import { coolDownAfter } from "../exchange/cool-down.ts";
import { type Circumstance, ExchangeError } from "../exchange/errors.ts";
import type { Clock } from "../exchange/ports.ts";
import { waitFor } from "../exchange/waiting.ts";
import type { HttpClient } from "../net/http-client.ts";
import { minRetryAfterMs } from "../net/retry-after.ts";
import { checkTarget, type TargetRules } from "../net/target-checks.ts";
import type { ProviderEndpoints } from "./definition.ts";
import { createJwksFetch } from "./fetch-jwks.ts";
import { guardedFetch } from "./guarded-fetch.ts";
import { type JsonAnswer, readJsonAnswer } from "./json-answer.ts";
import { failureOfReading, refusalOfReading } from "./upstream-errors.ts";

export interface ProviderMetadata {
  readonly authorizationEndpoint: string;
  readonly tokenEndpoint: string;
  /** Undefined: it has no keys. */
  readonly jwksUri: string | undefined;
  /** Undefined: it has none, or none where requests may go. */
  readonly revocationEndpoint: string | undefined;
  /** As above. */
  readonly introspectionEndpoint: string | undefined;
  /** As above. */
  readonly userEndpoint: string | undefined;
}

export interface DiscoveryAddresses {
  readonly issuer: string;
  /** Where this service reaches the provider, if not at its issuer. */
  readonly backChannelUrl?: string | undefined;
  /** Each wins over discovery; with all of the first three discovery is not read. */
  readonly endpoints: ProviderEndpoints;
}

export interface DiscoveryOptions extends DiscoveryAddresses, TargetRules {
  /** False: the provider says nothing about itself, and what is not configured is not there. */
  readonly discovery: boolean;
}

export interface Discovery {
  /** @throws ExchangeError UPSTREAM_*, DEADLINE_EXCEEDED (the signal's; the shared fetch goes on) */
  readonly metadata: (signal: AbortSignal) => Promise<ProviderMetadata>;
  /** The key set as it stands there now, unread. @throws as `metadata` */
  readonly fetchJwks: (signal: AbortSignal) => Promise<unknown>;
}

const freshMs = 3_600_000;
// Endpoints move rarely: an old answer serves while the provider cannot repeat it, for a day.
const lastGoodMs = 24 * 3_600_000;
// Failures count: while a provider is down, it is asked once in this time, not once per call.
const coolDownMs = 10_000;

/** The origins that a provider's endpoints may lie on: those that configuration names in one way or another. */
export function allowedOriginsOf(addresses: DiscoveryAddresses, further: readonly string[]): ReadonlySet<string> {
  const { issuer, backChannelUrl, endpoints } = addresses;
  const named = [issuer, backChannelUrl, ...Object.values(endpoints)].filter((address) => address !== undefined);
  return new Set([...named.map((address) => new URL(address).origin), ...further]);
}

/** @throws Error where the configured addresses themselves are not allowed */
export function createDiscovery(deps: { readonly http: HttpClient; readonly clock: Clock }, options: DiscoveryOptions): Discovery {
  const baseUrl = configured(options.backChannelUrl ?? options.issuer, options);
  const { authorization, token, jwks, revocation, introspection, user } = options.endpoints;
  for (const address of Object.values(options.endpoints)) if (address !== undefined) configured(address, options);
  const needless = !options.discovery || (authorization !== undefined && token !== undefined && jwks !== undefined);

  let good: { readonly metadata: ProviderMetadata; readonly atMs: number } | undefined;
  let bad: { readonly failure: ExchangeError; readonly atMs: number } | undefined;
  let flight: Promise<ProviderMetadata> | undefined;

  // Without a sign: a clock that is set back must not keep anything fresh, or cooling down, until it has caught up.
  const age = (sinceMs: number): number => Math.abs(deps.clock() - sinceMs);

  async function metadata(signal: AbortSignal): Promise<ProviderMetadata> {
    if (good !== undefined && (needless || age(good.atMs) < freshMs)) return good.metadata;
    if (flight === undefined && (bad === undefined || age(bad.atMs) >= coolDownAfter(bad.failure, coolDownMs))) flight = learn();
    // An old answer at once rather than a new one late: nobody waits for a provider that is away.
    if (good !== undefined && age(good.atMs) < lastGoodMs) return good.metadata;
    if (flight !== undefined) return waitFor(flight, signal);
    throw stillCoolingDown();
  }

  /** Never rejects unheard: whoever waits hears it, and the next caller finds it in `bad`. */
  function learn(): Promise<ProviderMetadata> {
    const learning = learnOnce().finally(() => {
      flight = undefined;
    });
    learning.catch(() => undefined);
    return learning;
  }

  async function learnOnce(): Promise<ProviderMetadata> {
    try {
      const learned = toMetadata(needless ? {} : await read());
      good = { metadata: learned, atMs: deps.clock() };
      bad = undefined;
      return learned;
    } catch (cause) {
      const failure = cause instanceof ExchangeError ? cause : new ExchangeError("UPSTREAM_INVALID_RESPONSE", { cause });
      bad = { failure, atMs: deps.clock() };
      throw failure;
    }
  }

  /** The last failure again, with what is left of the wait. */
  function stillCoolingDown(): ExchangeError {
    const { failure, atMs } = bad ?? { failure: new ExchangeError("UPSTREAM_UNAVAILABLE"), atMs: deps.clock() };
    const waitMs = Math.max(coolDownAfter(failure, coolDownMs), failure.retryAfterMs ?? 0) - age(atMs);
    return new ExchangeError(failure.reason, { cause: failure.cause, unasked: true, retryAfterMs: Math.max(waitMs, minRetryAfterMs) });
  }

  async function read(): Promise<JsonAnswer> {
    const response = await discoveryRequest(baseUrl, {
      [customFetch]: guardedFetch(deps.http, "discovery"),
      // The guarded client decides where plain http may go.
      [allowInsecureRequests]: true,
    }).catch((failure: unknown) => {
      throw failureOfReading("discovery", failure, undefined);
    });
    if (response.status !== 200) throw refusalOfReading("discovery", response, deps.clock());
    const document = await readJsonAnswer(response);
    // Byte for byte: a document about another issuer would lend it this one's keys.
    if (document === undefined || document["issuer"] !== options.issuer) throw refusalOfReading("discovery", response, deps.clock());
    return document;
  }

  function toMetadata(document: JsonAnswer): ProviderMetadata {
    return {
      authorizationEndpoint: allowed(authorization ?? document["authorization_endpoint"], "authorization_endpoint"),
      tokenEndpoint: allowed(token ?? document["token_endpoint"], "token_endpoint"),
      jwksUri: !options.discovery && jwks === undefined ? undefined : allowed(jwks ?? document["jwks_uri"], "jwks_uri"),
      revocationEndpoint: usable(revocation ?? document["revocation_endpoint"]),
      introspectionEndpoint: usable(introspection ?? document["introspection_endpoint"]),
      userEndpoint: usable(user ?? document["userinfo_endpoint"]),
    };
  }

  /** One that a provider need not have is no reason to do without the others; nothing is ever sent to an address that is not allowed. */
  function usable(address: unknown): string | undefined {
    const checked = typeof address === "string" ? checkTarget(address, options) : undefined;
    return checked?.kind === "allowed" ? checked.url.href : undefined;
  }

  function allowed(address: unknown, member: string): string {
    const checked = typeof address === "string" ? checkTarget(address, options) : undefined;
    if (checked?.kind === "allowed") return checked.url.href;
    const code = `${member}:${checked?.fault ?? "missing"}`;
    const cause: Circumstance = { kind: "upstream", endpoint: "discovery", code };
    throw new ExchangeError("UPSTREAM_INVALID_RESPONSE", { cause });
  }

  const fetchKeys = createJwksFetch(deps);
  const fetchJwks = async (signal: AbortSignal) => fetchKeys(allowed((await metadata(signal)).jwksUri, "jwks_uri"), signal);

  return { metadata, fetchJwks };
}

function configured(address: string, rules: TargetRules): URL {
  const target = checkTarget(address, rules);
  if (target.kind === "refused") throw new Error(`provider address ${address} is not allowed: ${target.fault}`);
  return target.url;
}
