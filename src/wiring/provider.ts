// Part of the composition root: one configured provider that speaks OAuth, with its own HTTP client, discovery, keys and verifiers.
// Nothing of it is shared with another provider, so that a slow or hostile one stays alone. Those that keep sessions are
// session-provider.ts.

import type { Configuration, ProviderConfiguration } from "../config/schema.ts";
import type { AccessTokenVerifier, Clock } from "../exchange/ports.ts";
import type { Provider } from "../exchange/provider-ports.ts";
import { createAccessTokenVerifier } from "../keys/access-token-verifier.ts";
import { createIdTokenVerifier } from "../keys/id-token-verifier.ts";
import { createKeySet, type KeySet } from "../keys/key-set.ts";
import { createHttpClient, type HttpClient } from "../net/http-client.ts";
import type { Policy } from "../policy/compile.ts";
import { tokenRulesOf } from "../policy/token-rules.ts";
import { type ActingClients, createActingClients } from "../providers/acting-clients.ts";
import type { UpstreamClient } from "../providers/client-authentication.ts";
import { allowedOriginsOf, createDiscovery, type Discovery } from "../providers/discovery.ts";
import { createIntrospectingVerifier } from "../providers/introspecting-verifier.ts";
import { createIntrospection } from "../providers/introspection.ts";
import { createOAuthProvider } from "../providers/oauth.ts";
import { hasKeys, verifiesAccessTokens } from "../providers/registry.ts";
import { createWaitReader } from "../providers/wait-in-body.ts";
import { createTracedHttpClient } from "../tracing/traced-http-client.ts";
import { reportTo } from "./call-report.ts";
import { definitionFrom } from "./definition.ts";
import { wireGuard } from "./guard.ts";
import { keySetLog } from "./key-set-log.ts";
import type { Observers } from "./parts.ts";
import { createPool, type Pool } from "./pool.ts";

export interface WiredProvider {
  readonly provider: Provider;
  /** The same for work in the background, over connections of its own: it takes none from callers, and they take none from it. */
  readonly background: Provider;
  /** Undefined: its access tokens are opaque here. */
  readonly verifier: AccessTokenVerifier | undefined;
  /** Lets calls in flight run to their end, one-time ones above all. */
  close(): Promise<void>;
}

function wireProvider(name: string, use: ProviderUse, observers: Observers): WiredProvider {
  const { clock, log, metrics, traces } = observers;
  const { settings, openid, exchangeAs } = use;
  const { issuer, back_channel_url: backChannelUrl, endpoints, timeout: timeoutMs } = settings;
  const definition = definitionFrom(settings);
  const target = {
    allowedOrigins: allowedOriginsOf({ issuer, backChannelUrl, endpoints }, settings.allowed_origins),
    allowHttp: settings.allow_http,
  };
  const client: UpstreamClient = { ...settings.client, secret: settings.client.secret };
  const actingClients = createActingClients(exchangeAs);
  const { guard, close: closeGuard } = wireGuard(name, observers);
  const readWait = definition.rateLimit === undefined ? undefined : createWaitReader(definition.rateLimit);
  const connect = () =>
    createTracedHttpClient(
      createHttpClient({ ...target, provider: name, timeoutMs, clock, guard, readWait, onCall: reportTo(metrics, name) }),
      traces,
      name,
    );
  // Apart: calls that spend something, which anyone may cause, must not take the connections of those that read keys, and neither
  // those of services that have many tokens exchanged or looked into.
  const [reads, spends, exchanges, renews] = [connect(), connect(), connect(), connect()];
  const { discovery: discovered } = definition;
  const discovery = createDiscovery({ http: reads, clock }, { ...target, issuer, backChannelUrl, endpoints, discovery: discovered });
  const keySet = createKeySet({ fetchJwks: discovery.fetchJwks, clock, onEvent: keySetLog(name, log) });
  const verifyIdToken = createIdTokenVerifier({ keySet, clock }, { issuer, clientId: client.id, ...pinnedBy(settings) });
  const idTokens = { ready: (signal: AbortSignal) => keySet.ready(signal), verify: verifyIdToken };
  const providerOver = (http: HttpClient) =>
    createOAuthProvider(
      {
        http,
        exchangeHttp: exchanges,
        clock,
        discovery,
        idTokens: hasKeys(definition, endpoints) ? idTokens : undefined,
      },
      { name, issuer, client, definition, openid, timeoutMs, actingClients },
    );
  return {
    provider: providerOver(spends),
    background: providerOver(renews),
    verifier: verifiesAccessTokens(definition, endpoints)
      ? wireVerifier(name, settings, { keySet, clock, discovery, http: exchanges, client, actingClients })
      : undefined,
    close: async () => {
      closeGuard();
      await Promise.all([reads, spends, exchanges, renews].map((http) => http.close()));
    },
  };
}

interface VerifierParts {
  readonly keySet: KeySet;
  readonly clock: Clock;
  readonly discovery: Pick<Discovery, "metadata">;
  readonly http: HttpClient;
  readonly client: UpstreamClient;
  readonly actingClients: ActingClients;
}

function wireVerifier(name: string, settings: ProviderConfiguration, parts: VerifierParts): AccessTokenVerifier {
  const { keySet, clock, discovery, http, client, actingClients } = parts;
  const { issuer, introspection } = settings;
  const rules = tokenRulesOf(settings);
  const keySource = settings.endpoints.jwks ?? settings.back_channel_url ?? issuer;
  const local = createAccessTokenVerifier({ keySet, clock }, { provider: name, ...rules, ...pinnedBy(settings), keySource });
  if (introspection === "none") return local;
  const introspect = createIntrospection({ http, clock, discovery }, { issuer, client, actingClients });
  return createIntrospectingVerifier({ local, clock, introspect }, { introspection, rules });
}

function pinnedBy({ tokens }: ProviderConfiguration) {
  return { algorithms: tokens.algorithms, denyKeyIds: tokens.deny_kids };
}

export type ProviderPool = Pool<ProviderUse, WiredProvider>;

/** A provider's settings, and what clients ask of it. */
export interface ProviderUse {
  readonly settings: ProviderConfiguration;
  /** Some client may ask for `openid`, so ID tokens come back. */
  readonly openid: boolean;
  /** Registrations by which audiences ask there, by the audience's name. */
  readonly exchangeAs: Readonly<Record<string, UpstreamClient>>;
}

export function createProviderPool(observers: Observers): ProviderPool {
  return createPool((name: string, use: ProviderUse) => wireProvider(name, use, observers));
}

export function usesOf(configuration: Configuration, policy: Policy): readonly (readonly [name: string, use: ProviderUse])[] {
  return Object.entries(configuration.providers).flatMap(([name, settings]) => {
    if (settings.kind === "better-auth") return [];
    return [[name, { settings, openid: asksForIdTokens(name, policy), exchangeAs: actingAt(name, configuration) }] as const];
  });
}

function actingAt(provider: string, { audiences }: Configuration): ProviderUse["exchangeAs"] {
  return Object.fromEntries(
    Object.entries(audiences).flatMap(([audience, { accepts }]) => {
      const registration = Object.hasOwn(accepts, provider) ? accepts[provider]?.exchange_as : undefined;
      return registration === undefined ? [] : [[audience, registration]];
    }),
  );
}

function asksForIdTokens(name: string, policy: Policy): boolean {
  return [...policy.clients.values()].some((client) => client.providers.get(name)?.scopes.includes("openid") === true);
}
