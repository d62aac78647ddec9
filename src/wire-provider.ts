// Part of the composition root: one configured provider with its own HTTP client, discovery, keys and verifiers. Nothing of it
// is shared with another provider, so that a slow or hostile one stays alone.

import { fingerprint } from "./config/fingerprint.ts";
import type { Configuration, ProviderConfiguration } from "./config/schema.ts";
import type { AccessTokenVerifier, Provider } from "./exchange/ports.ts";
import { createAccessTokenVerifier } from "./keys/access-token-verifier.ts";
import { createIdTokenVerifier } from "./keys/id-token-verifier.ts";
import { createKeySet } from "./keys/key-set.ts";
import { createHttpClient } from "./net/http-client.ts";
import type { Policy } from "./policy/compile.ts";
import { allowedOriginsOf, createDiscovery } from "./providers/discovery.ts";
import { createProvider } from "./providers/registry.ts";
import type { Observers } from "./wire-storage.ts";

export interface WiredProvider {
  readonly provider: Provider;
  readonly verifier: AccessTokenVerifier;
  /** Lets calls in flight run to their end, one-time ones above all. */
  close(): Promise<void>;
}

function wireProvider(name: string, settings: ProviderConfiguration, deps: Observers & { readonly policy: Policy }): WiredProvider {
  const { clock, log, metrics, policy } = deps;
  const { issuer, back_channel_url: backChannelUrl, endpoints, tokens } = settings;
  const target = {
    allowedOrigins: allowedOriginsOf({ issuer, backChannelUrl, endpoints }, settings.allowed_origins),
    allowHttp: settings.allow_http,
  };
  const connect = () =>
    createHttpClient({
      ...target,
      provider: name,
      timeoutMs: settings.timeout,
      clock,
      onCall: ({ provider, endpoint, status, outcome, ms }) =>
        metrics.upstream({ provider, endpoint, outcome: outcome === "answered" ? `${Math.floor(status / 100)}xx` : outcome }, ms),
    });
  // Two: calls that spend something, which anyone may cause, must not take the connections of those that read keys.
  const [reads, spends] = [connect(), connect()];
  const discovery = createDiscovery({ http: reads, clock }, { ...target, issuer, backChannelUrl, endpoints });
  const keySet = createKeySet({
    fetchJwks: discovery.fetchJwks,
    clock,
    onEvent: (event) =>
      event.kind === "failed"
        ? log.warn({ provider: name, reason: event.reason }, "the provider's keys could not be fetched")
        : log.info({ provider: name, keys: event.keys, dropped: event.dropped }, "the provider's keys were fetched"),
  });
  const pinned = { algorithms: tokens.algorithms, denyKeyIds: tokens.deny_kids };
  return {
    provider: createProvider(
      settings.kind,
      {
        http: spends,
        clock,
        discovery,
        keysReady: (signal) => keySet.ready(signal),
        verifyIdToken: createIdTokenVerifier({ keySet, clock }, { issuer, clientId: settings.client.id, ...pinned }),
      },
      {
        name,
        issuer,
        client: { ...settings.client, secret: settings.client.secret },
        pkce: settings.pkce,
        openid: asksForIdTokens(name, policy),
        timeoutMs: settings.timeout,
      },
    ),
    verifier: createAccessTokenVerifier(
      { keySet, clock },
      {
        provider: name,
        issuer,
        issuerCheck: tokens.issuer_check,
        ...pinned,
        headerTypes: tokens.header_types,
        payloadType: tokens.payload_type,
        clientClaims: tokens.client_claims,
        expiryBufferMs: tokens.expiry_buffer,
        clockToleranceMs: tokens.clock_tolerance,
        maxLifetimeMs: tokens.max_lifetime,
        keySource: endpoints.jwks ?? backChannelUrl ?? issuer,
      },
    ),
    close: async () => {
      await Promise.all([reads.close(), spends.close()]);
    },
  };
}

export interface ProviderPool {
  /** The providers of a configuration: those that did not change are the ones that are running. */
  take(configuration: Configuration, policy: Policy): ReadonlyMap<string, WiredProvider>;
  /** Closes those that no taker holds any longer. */
  release(providers: ReadonlyMap<string, WiredProvider>): Promise<void>;
}

/** A reload must not forget the keys of a provider that is away just then. */
export function createProviderPool(observers: Observers): ProviderPool {
  const running = new Map<string, { readonly wired: WiredProvider; holders: number }>();
  const identities = new Map<WiredProvider, string>();
  return {
    take(configuration, policy) {
      const entries = Object.entries(configuration.providers).map(([name, settings]) => {
        const identity = fingerprint([name, settings, asksForIdTokens(name, policy)]);
        const held = running.get(identity) ?? { wired: wireProvider(name, settings, { ...observers, policy }), holders: 0 };
        held.holders += 1;
        running.set(identity, held);
        identities.set(held.wired, identity);
        return [name, held.wired] as const;
      });
      return new Map(entries);
    },
    async release(providers) {
      const unused = [...providers.values()].filter((wired) => {
        const identity = identities.get(wired);
        const held = identity === undefined ? undefined : running.get(identity);
        if (identity === undefined || held === undefined) return false;
        held.holders -= 1;
        if (held.holders > 0) return false;
        running.delete(identity);
        identities.delete(wired);
        return true;
      });
      await Promise.all(unused.map((wired) => wired.close()));
    },
  };
}

function asksForIdTokens(name: string, policy: Policy): boolean {
  return [...policy.clients.values()].some((client) => client.providers.get(name)?.scopes.includes("openid") === true);
}
