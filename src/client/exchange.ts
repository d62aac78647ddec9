// Asks the exchange for a token: one GET with the session cookie, or what the page brings instead; one strictly checked answer. When
// it is asked, and how long the answer is kept, is token-source.ts.

import { ApiError } from "./api-error.ts";
import { member, parseJson, readBounded, readFailure } from "./read-body.ts";
import { waitFor } from "./waiting.ts";

export interface Exchanged {
  readonly token: string;
  /** From the moment of the answer on. */
  readonly lifeMs: number;
  readonly userId: string;
}

/** @throws ApiError */
export type Exchange = (signal: AbortSignal) => Promise<Exchanged>;

export interface ExchangeDeps {
  readonly fetch: typeof globalThis.fetch;
  readonly now: () => number;
}

/** At once is how a limit is hit again; what lies further ahead than an hour is not worth promising. */
const minPauseMs = 1_000;
const maxPauseMs = 3_600_000;

/** @param timeoutMs limit for the whole answer */
export function createExchange({ fetch, now }: ExchangeDeps, url: string, timeoutMs: number): Exchange {
  async function ask(signal: AbortSignal): Promise<Exchanged> {
    const response = await fetch(url, {
      credentials: "include",
      // A page's cache must not hold tokens, and one that another address vouches for is not ours.
      cache: "no-store",
      redirect: "error",
      headers: { accept: "application/json" },
      signal,
    });
    if (!response.ok) {
      const { status } = response;
      const retryAfterMs = status === 429 || status >= 500 ? pauseOf(response.headers.get("retry-after"), now()) : undefined;
      throw new ApiError(status, { source: "exchange", body: await readFailure(response), retryAfterMs });
    }
    const answer = exchangedOf(parseJson(await readBounded(response)));
    if (response.status !== 200 || answer === undefined) throw new ApiError(0, { source: "exchange" });
    return answer;
  }

  return withinTime(ask, timeoutMs);
}

/** What a page brings of its own to get tokens by; an answer as the token route's. */
export type OwnExchange = (signal: AbortSignal) => Promise<{
  readonly token: string;
  /** Seconds, from the moment of the answer on. */
  readonly expiresIn: number;
  readonly userId: string;
}>;

/** @param timeoutMs limit for the whole answer */
export function createOwnExchange(own: OwnExchange, timeoutMs: number): Exchange {
  return withinTime(async (signal) => {
    const answer = exchangedOf(await own(signal));
    if (answer === undefined) throw new ApiError(0, { source: "exchange" });
    return answer;
  }, timeoutMs);
}

function withinTime(ask: Exchange, timeoutMs: number): Exchange {
  return async (signal) => {
    const limited = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
    try {
      return await waitFor(ask(limited), limited);
    } catch (failure) {
      throw failure instanceof ApiError ? failure : new ApiError(0, { source: "exchange" });
    }
  };
}

function exchangedOf(answer: unknown): Exchanged | undefined {
  const token = member(answer, "token");
  const expiresIn = member(answer, "expiresIn");
  const userId = member(answer, "userId");
  // Exactly what may follow `Bearer ` (RFC 6750 §2.1): anything else could not be sent, or not only as a token.
  if (typeof token !== "string" || token.length > 16_384 || !/^[\w.~+/-]+=*$/.test(token)) return undefined;
  if (typeof expiresIn !== "number" || !Number.isFinite(expiresIn) || expiresIn <= 0) return undefined;
  if (typeof userId !== "string" || userId === "") return undefined;
  return { token, lifeMs: expiresIn * 1_000, userId };
}

/** Seconds or a date (RFC 9110 §10.2.3); neither counts as a second. */
function pauseOf(header: string | null, nowMs: number): number {
  const value = header ?? "";
  const ms = /^\d{1,10}$/.test(value) ? Number(value) * 1_000 : Date.parse(value) - nowMs;
  return Number.isNaN(ms) ? minPauseMs : Math.min(Math.max(ms, minPauseMs), maxPauseMs);
}
