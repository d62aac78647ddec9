// An application that keeps its users' sessions by Better Auth, asked about one session at a time. Nothing is remembered: a session
// that was ended is noticed by the next question. What an answer says is session-answer.ts, what a session looks like session-token.ts.

import { type Circumstance, ExchangeError } from "../exchange/errors.ts";
import type { Clock } from "../exchange/ports.ts";
import type { Session, SessionProvider, ShownSession } from "../exchange/session-ports.ts";
import type { HttpClient } from "../net/http-client.ts";
import { readStrictJson } from "./json-answer.ts";
import { readSessionAnswer } from "./session-answer.ts";
import { readSessionToken, type SessionToken } from "./session-token.ts";
import { failureOfReading, refusalOfReading } from "./upstream-errors.ts";

export interface BetterAuthAddress {
  /** Where this service reaches the application. */
  readonly baseUrl: string;
  /** Where Better Auth is mounted there. */
  readonly basePath: string;
}

export interface BetterAuthOptions extends BetterAuthAddress {
  readonly name: string;
  readonly issuer: string;
  readonly cookieName: string;
  /** Its bearer plugin is on. */
  readonly bearer: boolean;
  readonly impersonation: "refuse" | "act";
}

/** Users may have members of the application's own. */
const limits = { maxLength: 1024 * 1024, maxDepth: 32 };

const endpoint = "session";

export function betterAuthUrl({ baseUrl, basePath }: BetterAuthAddress, path: string): string {
  return `${baseUrl.replace(/\/+$/, "")}${basePath}/${path}`;
}

export function createBetterAuth(deps: { readonly http: HttpClient; readonly clock: Clock }, options: BetterAuthOptions): SessionProvider {
  const { http, clock } = deps;
  const { name, issuer, cookieName, impersonation } = options;
  // Its cookie cache would go on saying yes; and whoever only looks on must not lengthen the session.
  const url = betterAuthUrl(options, "get-session?disableCookieCache=true&disableRefresh=true");

  async function readSession({ token, from }: ShownSession, signal: AbortSignal): Promise<Session> {
    // 1. What cannot be a session is not sent: a bare token above all, which the bearer plugin would sign itself.
    const shown = readSessionToken(token.reveal());
    if (shown === undefined) throw invalid({ kind: "rule", field: "session" });

    // 2. Ask, with this credential and no other.
    const headers = { accept: "application/json", "cache-control": "no-store", ...credential(shown, from) };
    const response = await http.send({ endpoint, method: "GET", url, headers, signal }).catch((failure: unknown) => {
      throw failureOfReading(endpoint, failure, signal);
    });
    if (response.status !== 200) throw refusalOfReading(endpoint, response, clock());

    // 3. Read the answer. A missing, ended or forged session is 200 and `null`.
    const reading = readSessionAnswer(await readStrictJson(response, limits), { id: shown.id, nowMs: clock() });
    switch (reading.kind) {
      case "session":
        return reading.session;
      case "ended":
        throw invalid({ kind: "upstream", endpoint, status: response.status, code: reading.code });
      case "unreadable": {
        const cause: Circumstance = { kind: "upstream", endpoint, status: response.status, code: reading.code };
        throw new ExchangeError("UPSTREAM_INVALID_RESPONSE", { cause });
      }
    }
  }

  function credential({ signed }: SessionToken, from: ShownSession["from"]): Readonly<Record<string, string>> {
    return from === "message" && options.bearer
      ? { authorization: `Bearer ${signed}` }
      : { cookie: `${cookieName}=${encodeURIComponent(signed)}` };
  }

  return { name, issuer, cookieName, impersonation, accepts: hasItsForm, readSession };
}

function hasItsForm({ token }: ShownSession): boolean {
  return readSessionToken(token.reveal()) !== undefined;
}

function invalid(cause: Circumstance): ExchangeError {
  return new ExchangeError("SESSION_INVALID", { field: "SESSION", cause });
}
