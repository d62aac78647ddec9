// A provider under test: guarded client, discovery, keys, ID tokens and provider, wired as the service wires them, with a
// clock that stands still.

import type { Provider } from "../../src/exchange/provider-ports.ts";
import { Secret } from "../../src/exchange/secret.ts";
import { createIdTokenVerifier } from "../../src/keys/id-token-verifier.ts";
import { createKeySet, type KeySet } from "../../src/keys/key-set.ts";
import { createHttpClient, type HttpCallReport, type HttpClient } from "../../src/net/http-client.ts";
import { createProviderGuard, type GuardEvent } from "../../src/net/provider-guard.ts";
import { createActingClients } from "../../src/providers/acting-clients.ts";
import type { UpstreamClient } from "../../src/providers/client-authentication.ts";
import type { ProviderDefinition } from "../../src/providers/definition.ts";
import { allowedOriginsOf, createDiscovery, type Discovery, type DiscoveryAddresses } from "../../src/providers/discovery.ts";
import { createOAuthProvider } from "../../src/providers/oauth.ts";
import { oidc } from "../../src/providers/presets/oidc.ts";
import { hasKeys } from "../../src/providers/registry.ts";
import { createWaitReader } from "../../src/providers/wait-in-body.ts";
import type { FakeClient } from "./fake-token-endpoint.ts";

export interface RigOptions {
  readonly issuer: string;
  readonly client: FakeClient;
  readonly addresses?: Partial<DiscoveryAddresses>;
  readonly allowedOrigins?: readonly string[];
  readonly timeoutMs?: number;
  readonly pkce?: "S256" | "none";
  /** By default as RFC 6749 and OpenID Connect have it. */
  readonly definition?: ProviderDefinition;
  readonly openid?: boolean;
  readonly ca?: string;
  /** By configured name of the audience. */
  readonly actingClients?: Readonly<Record<string, UpstreamClient>>;
}

export interface Rig {
  readonly provider: Provider;
  readonly discovery: Discovery;
  readonly keySet: KeySet;
  /** The client that all of them share. */
  readonly http: HttpClient;
  readonly events: readonly GuardEvent[];
  readonly calls: HttpCallReport[];
  /** Epoch milliseconds; stands still until a test moves it. */
  readonly time: { nowMs: number };
  readonly close: () => Promise<void>;
}

export function createRig(options: RigOptions): Rig {
  const time = { nowMs: Date.now() };
  const clock = () => time.nowMs;
  const calls: HttpCallReport[] = [];
  const timeoutMs = options.timeoutMs ?? 5_000;
  const addresses = { issuer: options.issuer, endpoints: {}, ...options.addresses };
  const rules = { allowedOrigins: allowedOriginsOf(addresses, options.allowedOrigins ?? []), allowHttp: false };
  const known: ProviderDefinition = options.definition ?? { ...oidc, targetParameter: "audience" };
  const definition = { ...known, pkce: options.pkce ?? known.pkce };
  const events: GuardEvent[] = [];
  const guard = createProviderGuard({ clock, random: () => 1, onEvent: (event) => void events.push(event) });
  const http = createHttpClient({
    ...rules,
    provider: "main",
    timeoutMs,
    clock,
    guard,
    readWait: definition.rateLimit === undefined ? undefined : createWaitReader(definition.rateLimit),
    onCall: (call) => void calls.push(call),
    ...(options.ca === undefined ? {} : { ca: options.ca }),
  });
  const discovery = createDiscovery({ http, clock }, { ...addresses, ...rules, discovery: definition.discovery });
  const { id, secret, authentication } = options.client;
  const keySet = createKeySet({ fetchJwks: discovery.fetchJwks, clock });
  const idTokenRules = { issuer: options.issuer, clientId: id, algorithms: ["RS256", "ES256"], denyKeyIds: [] } as const;
  const provider = createOAuthProvider(
    {
      http,
      exchangeHttp: http,
      clock,
      discovery,
      idTokens: hasKeys(definition, addresses.endpoints)
        ? { ready: (signal) => keySet.ready(signal), verify: createIdTokenVerifier({ keySet, clock }, idTokenRules) }
        : undefined,
    },
    {
      name: "main",
      issuer: options.issuer,
      client: { id, secret: secret === undefined ? undefined : new Secret(secret), authentication },
      definition,
      openid: options.openid ?? true,
      timeoutMs,
      actingClients: createActingClients(options.actingClients ?? {}),
    },
  );
  return { provider, discovery, keySet, http, events, calls, time, close: () => http.close() };
}
