// `fetch` with the token: attached for the API's own origin and no other, renewed once where the API says that it expired.

import { addressOf, type FetchInit, type Prepared, prepare } from "./request.ts";
import { saysExpired } from "./token-expired.ts";
import type { Held, TokenSource } from "./token-source.ts";

/** @throws ApiError of the exchange, the signal's reason, a TimeoutError, or what fetch throws */
export type FetchWithAuth = (endpoint: string | URL, init?: FetchInit) => Promise<Response>;

export interface FetchWithAuthDeps {
  readonly fetch: typeof globalThis.fetch;
  readonly tokens: TokenSource;
}

/** @param timeoutMs limit for the beginning of an answer; a body may take as long as it needs */
export function createFetchWithAuth({ fetch, tokens }: FetchWithAuthDeps, apiBaseUrl: string, timeoutMs: number): FetchWithAuth {
  async function send(url: URL, { init, headers }: Prepared, held?: Held): Promise<Response> {
    const sent = new Headers(headers);
    if (held !== undefined) sent.set("authorization", `Bearer ${held.token}`);
    const limit = new AbortController();
    const timer = setTimeout(() => limit.abort(new DOMException("The API did not answer in time.", "TimeoutError")), timeoutMs);
    const signal = init.signal ? AbortSignal.any([init.signal, limit.signal]) : limit.signal;
    try {
      return await fetch(url.href, { ...init, headers: sent, signal });
    } finally {
      clearTimeout(timer);
    }
  }

  return async function fetchWithAuth(endpoint, { skipAuth = false, ...init } = {}) {
    const url = addressOf(endpoint, apiBaseUrl);
    const request = prepare(init);
    const isOurs = url.origin !== "null" && url.origin === addressOf("/", apiBaseUrl).origin;
    if (skipAuth || !isOurs || request.headers.has("authorization")) return send(url, request);

    const signal = init.signal ?? undefined;
    const held = await tokens.get(signal);
    const response = await send(url, request, held);
    if (request.once || !(await saysExpired(response, timeoutMs))) return response;
    const renewed = await tokens.renew(held, signal);
    if (renewed === undefined) return response;
    response.body?.cancel().catch(() => undefined);
    const second = await send(url, request, renewed);
    if (await saysExpired(second, timeoutMs)) tokens.renewedInVain();
    return second;
  };
}
