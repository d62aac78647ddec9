// A provider that keeps sessions under test: the guarded client and the provider, wired as the service wires them, with a clock that
// stands still.

import type { Session, SessionProvider, ShownSession } from "../../src/exchange/session-ports.ts";
import { Secret } from "../../src/exchange/secret.ts";
import { createHttpClient } from "../../src/net/http-client.ts";
import { createProviderGuard } from "../../src/net/provider-guard.ts";
import { type BetterAuthOptions, createBetterAuth } from "../../src/providers/better-auth.ts";

export interface SessionRig {
  readonly provider: SessionProvider;
  /** Epoch milliseconds; stands still until a test moves it. */
  readonly time: { nowMs: number };
  /** @param cookie NAME=VALUE, or the value alone */
  read(cookie: string, from?: ShownSession["from"], signal?: AbortSignal): Promise<Session>;
  readonly close: () => Promise<void>;
}

export interface SessionRigOptions extends Partial<BetterAuthOptions> {
  readonly timeoutMs?: number;
}

/** @param url base URL of the application */
export function createSessionRig(url: string, { timeoutMs = 5_000, ...options }: SessionRigOptions = {}): SessionRig {
  const time = { nowMs: Date.now() };
  const clock = () => time.nowMs;
  const guard = createProviderGuard({ clock, random: () => 1 });
  const http = createHttpClient({
    allowedOrigins: new Set([new URL(url).origin]),
    allowHttp: false,
    provider: "site",
    timeoutMs,
    clock,
    guard,
  });
  const usual = { baseUrl: url, basePath: "/api/auth", cookieName: "better-auth.session_token", bearer: false };
  const provider = createBetterAuth({ http, clock }, { name: "site", issuer: url, impersonation: "refuse", ...usual, ...options });
  return {
    provider,
    time,
    read: (cookie, from = "cookie", signal = AbortSignal.timeout(10_000)) =>
      provider.readSession({ token: new Secret(cookie.replace(/^[^=]+\.session_token=/, "")), from }, signal),
    close: () => http.close(),
  };
}
