// Part of the composition root: one configured application that keeps sessions, with its own HTTP clients, guard and, where its JWTs
// are accepted, keys. Nothing of it is shared with another provider.

import type { Configuration, SessionProviderConfiguration } from "../config/schema.ts";
import type { AccessTokenVerifier } from "../exchange/ports.ts";
import type { SessionProvider } from "../exchange/session-ports.ts";
import { createKeySet } from "../keys/key-set.ts";
import { createSessionTokenVerifier } from "../keys/session-token-verifier.ts";
import { createHttpClient } from "../net/http-client.ts";
import { sessionTokenRulesOf } from "../policy/token-rules.ts";
import { betterAuthUrl, createBetterAuth } from "../providers/better-auth.ts";
import { createJwksFetch } from "../providers/fetch-jwks.ts";
import { createTracedHttpClient } from "../tracing/traced-http-client.ts";
import { reportTo } from "./call-report.ts";
import { wireGuard } from "./guard.ts";
import { keySetLog } from "./key-set-log.ts";
import type { Observers } from "./parts.ts";
import { createPool, type Pool } from "./pool.ts";

export interface WiredSessionProvider {
  readonly provider: SessionProvider;
  /** Undefined: no tokens of its own are accepted. */
  readonly verifier: AccessTokenVerifier | undefined;
  close(): Promise<void>;
}

function wireSessionProvider(name: string, settings: SessionProviderConfiguration, observers: Observers): WiredSessionProvider {
  const { clock, log, metrics, traces } = observers;
  const { issuer, back_channel_url: backChannelUrl, base_path: basePath } = settings;
  const at = { baseUrl: backChannelUrl ?? issuer, basePath };
  const { guard, close: closeGuard } = wireGuard(name, observers);
  const connect = () => {
    const http = createHttpClient({
      allowedOrigins: new Set([new URL(at.baseUrl).origin]),
      allowHttp: settings.allow_http,
      provider: name,
      timeoutMs: settings.timeout,
      clock,
      guard,
      onCall: reportTo(metrics, name),
    });
    return createTracedHttpClient(http, traces, name);
  };
  // Apart: the reading of sessions, which anyone may cause, must not take the connections of the one that reads keys.
  const sessions = connect();
  const keys = settings.jwt ? connect() : undefined;
  const provider = createBetterAuth(
    { http: sessions, clock },
    { name, issuer, ...at, cookieName: settings.session_cookie, bearer: settings.bearer, impersonation: settings.impersonation },
  );

  function verifierBy(http: NonNullable<typeof keys>): AccessTokenVerifier {
    const jwksUrl = betterAuthUrl(at, "jwks");
    const fetchJwks = createJwksFetch({ http, clock });
    const keySet = createKeySet({ fetchJwks: (signal) => fetchJwks(jwksUrl, signal), clock, onEvent: keySetLog(name, log) });
    return createSessionTokenVerifier({ keySet, clock }, { provider: name, rules: sessionTokenRulesOf(settings), keySource: jwksUrl });
  }

  return {
    provider,
    verifier: keys === undefined ? undefined : verifierBy(keys),
    close: async () => {
      closeGuard();
      await Promise.all([sessions.close(), keys?.close()]);
    },
  };
}

export type SessionProviderPool = Pool<SessionProviderConfiguration, WiredSessionProvider>;

export function createSessionProviderPool(observers: Observers): SessionProviderPool {
  return createPool((name: string, settings: SessionProviderConfiguration) => wireSessionProvider(name, settings, observers));
}

export function sessionProvidersOf({
  providers,
}: Configuration): readonly (readonly [name: string, settings: SessionProviderConfiguration])[] {
  return Object.entries(providers).flatMap(([name, settings]) => (settings.kind === "better-auth" ? [[name, settings] as const] : []));
}
