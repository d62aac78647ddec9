// Part of the composition root: one configured provider that speaks OAuth, with its own HTTP client, discovery, keys and verifiers.
// Nothing of it is shared with another provider, so that a slow or hostile one stays alone. Those that keep sessions are
// wire-session-provider.ts.

import type { Configuration, ProviderConfiguration } from "./config/schema.ts";
import type { AccessTokenVerifier, Provider } from "./exchange/ports.ts";
import { createAccessTokenVerifier } from "./keys/access-token-verifier.ts";
import { createIdTokenVerifier } from "./keys/id-token-verifier.ts";
import { createKeySet } from "./keys/key-set.ts";
import { createHttpClient } from "./net/http-client.ts";
import type { Policy } from "./policy/compile.ts";
import { tokenRulesOf } from "./policy/token-rules.ts";
import { createActingClients } from "./providers/acting-clients.ts";
import type { UpstreamClient } from "./providers/client-authentication.ts";
import { allowedOriginsOf, createDiscovery } from "./providers/discovery.ts";
import { createIntrospectingVerifier } from "./providers/introspecting-verifier.ts";
import { createIntrospection } from "./providers/introspection.ts";
import { createProvider } from "./providers/registry.ts";
import { createTracedHttpClient } from "./tracing/traced-http-client.ts";
import { reportTo } from "./wire-call-report.ts";
import { wireGuard } from "./wire-guard.ts";
import { keySetLog } from "./wire-key-set-log.ts";
import type { Observers } from "./wire-parts.ts";
import { createPool, type Pool } from "./wire-pool.ts";

export interface WiredProvider {
  readonly provider: Provider;
  readonly verifier: AccessTokenVerifier;
  /** Lets calls in flight run to their end, one-time ones above all. */
  close(): Promise<void>;
}

function wireProvider(name: string, use: ProviderUse, observers: Observers): WiredProvider {
  const { clock, log, metrics, traces } = observers;
  const { settings, openid, exchangeAs } = use;
  const { issuer, back_channel_url: backChannelUrl, endpoints, tokens } = settings;
  const target = {
    allowedOrigins: allowedOriginsOf({ issuer, backChannelUrl, endpoints }, settings.allowed_origins),
    allowHttp: settings.allow_http,
  };
  const own: UpstreamClient = { ...settings.client, secret: settings.client.secret };
  const actingClients = createActingClients(exchangeAs);
  const { guard, close: closeGuard } = wireGuard(name, observers);
  const connect = () =>
    createTracedHttpClient(
      createHttpClient({
        ...target,
        provider: name,
        timeoutMs: settings.timeout,
        clock,
        guard,
        onCall: reportTo(metrics, name),
      }),
      traces,
      name,
    );
  // Apart: calls that spend something, which anyone may cause, must not take the connections of those that read keys, and neither
  // those of services that have many tokens exchanged or looked into.
  const [reads, spends, exchanges] = [connect(), connect(), connect()];
  const discovery = createDiscovery({ http: reads, clock }, { ...target, issuer, backChannelUrl, endpoints });
  const keySet = createKeySet({
    fetchJwks: discovery.fetchJwks,
    clock,
    onEvent: keySetLog(name, log),
  });
  const rules = tokenRulesOf(settings);
  const pinned = { algorithms: tokens.algorithms, denyKeyIds: tokens.deny_kids };
  const local = createAccessTokenVerifier(
    { keySet, clock },
    { provider: name, ...rules, ...pinned, keySource: endpoints.jwks ?? backChannelUrl ?? issuer },
  );
  const introspecting = (introspection: "opaque" | "every") =>
    createIntrospectingVerifier(
      { local, clock, introspect: createIntrospection({ http: exchanges, clock, discovery }, { issuer, client: own, actingClients }) },
      { introspection, rules },
    );
  return {
    provider: createProvider(
      settings.kind,
      {
        http: spends,
        exchangeHttp: exchanges,
        clock,
        discovery,
        keysReady: (signal) => keySet.ready(signal),
        verifyIdToken: createIdTokenVerifier({ keySet, clock }, { issuer, clientId: settings.client.id, ...pinned }),
      },
      {
        name,
        issuer,
        client: own,
        pkce: settings.pkce,
        openid,
        timeoutMs: settings.timeout,
        actingClients,
        targetParameter: settings.target_parameter,
      },
    ),
    verifier: settings.introspection === "none" ? local : introspecting(settings.introspection),
    close: async () => {
      closeGuard();
      await Promise.all([reads.close(), spends.close(), exchanges.close()]);
    },
  };
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
