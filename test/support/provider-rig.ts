// A provider under test against the fake one: guarded client, discovery and provider, wired as the service wires them, with a
// clock that stands still. ID tokens are checked by jose here; the service's own verifier has tests of its own.

import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from "jose";
import { ExchangeError } from "../../src/exchange/errors.ts";
import type { Provider } from "../../src/exchange/ports.ts";
import { createHttpClient, type HttpCallReport } from "../../src/net/http-client.ts";
import { allowedOriginsOf, createDiscovery, type Discovery, type DiscoveryAddresses } from "../../src/providers/discovery.ts";
import { createOidcProvider, type OidcDeps } from "../../src/providers/oidc.ts";
import { Secret } from "../../src/exchange/secret.ts";
import type { FakeClient } from "./fake-token-endpoint.ts";

export interface RigOptions {
  readonly issuer: string;
  readonly client: FakeClient;
  readonly addresses?: Partial<DiscoveryAddresses>;
  readonly allowedOrigins?: readonly string[];
  readonly timeoutMs?: number;
  readonly pkce?: "S256" | "none";
  readonly openid?: boolean;
  readonly ca?: string;
}

export interface Rig {
  readonly provider: Provider;
  readonly discovery: Discovery;
  readonly calls: HttpCallReport[];
  /** Epoch milliseconds; stands still until a test moves it. */
  readonly time: { nowMs: number };
  close(): Promise<void>;
}

export function createRig(options: RigOptions): Rig {
  const time = { nowMs: Date.now() };
  const clock = () => time.nowMs;
  const calls: HttpCallReport[] = [];
  const timeoutMs = options.timeoutMs ?? 5_000;
  const addresses = { issuer: options.issuer, endpoints: {}, ...options.addresses };
  const rules = { allowedOrigins: allowedOriginsOf(addresses, options.allowedOrigins ?? []), allowHttp: false };
  const http = createHttpClient({
    ...rules,
    provider: "main",
    timeoutMs,
    clock,
    onCall: (call) => void calls.push(call),
    ...(options.ca === undefined ? {} : { ca: options.ca }),
  });
  const discovery = createDiscovery({ http, clock }, { ...addresses, ...rules });
  const { id, secret, authentication } = options.client;
  const provider = createOidcProvider(
    { http, clock, discovery, ...idTokens(discovery, options) },
    {
      name: "main",
      issuer: options.issuer,
      client: { id, secret: secret === undefined ? undefined : new Secret(secret), authentication },
      pkce: options.pkce ?? "S256",
      openid: options.openid ?? true,
      timeoutMs,
    },
  );
  return { provider, discovery, calls, time, close: () => http.close() };
}

function idTokens(discovery: Discovery, options: RigOptions): Pick<OidcDeps, "keysReady" | "verifyIdToken"> {
  return {
    keysReady: async (signal) => void (await discovery.fetchJwks(signal)),
    verifyIdToken: async (token, expected, signal) => {
      const keys = createLocalJWKSet((await discovery.fetchJwks(signal)) as JSONWebKeySet);
      const { payload } = await jwtVerify(token.reveal(), keys, { issuer: options.issuer, audience: options.client.id }).catch((cause: unknown) => {
        throw new ExchangeError("UPSTREAM_INVALID_RESPONSE", { cause });
      });
      if (expected.nonce !== undefined && payload["nonce"] !== expected.nonce) throw new ExchangeError("GRANT_INVALID");
      return { subject: payload.sub ?? "" };
    },
  };
}
