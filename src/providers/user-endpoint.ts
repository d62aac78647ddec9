// A provider's user endpoint: whose is this access token. One request that only reads; what its answer says is user-answer.ts.

import type { Account } from "../exchange/account.ts";
import { type Circumstance, ExchangeError } from "../exchange/errors.ts";
import type { Clock } from "../exchange/ports.ts";
import type { Secret } from "../exchange/secret.ts";
import type { HttpClient } from "../net/http-client.ts";
import type { UserReading } from "./definition.ts";
import { readStrictJson } from "./json-answer.ts";
import { failureOfReading, rateLimited, refusalOfReading } from "./upstream-errors.ts";
import { readUserAnswer } from "./user-answer.ts";

/** What is said about one user is short; whole images in it are nobody's. */
const maxAnswerLength = 64 * 1024;
const maxDepth = 16;

/** Some providers (GitHub) refuse whoever does not say what he is. */
const userAgent = "cambio";

/**
 * @throws ExchangeError TOKEN_INVALID (the provider refuses the token: it must not be shown there again), UPSTREAM_*, DEADLINE_EXCEEDED
 */
export type ReadUser = (endpoint: string, accessToken: Secret, signal: AbortSignal) => Promise<Account>;

export function createUserEndpoint(deps: { readonly http: HttpClient; readonly clock: Clock }, reading: UserReading): ReadUser {
  return async function readUser(url, accessToken, signal) {
    const headers = { accept: "application/json", authorization: `Bearer ${accessToken.reveal()}`, "user-agent": userAgent };
    const response = await deps.http.send({ endpoint: "user", method: "GET", url, headers, signal }).catch((failure: unknown) => {
      throw failureOfReading("user", failure, signal);
    });
    if (response.status !== 200) throw refusalOfUser(response, deps.clock());
    const answer = await readStrictJson(response, { maxLength: maxAnswerLength, maxDepth });
    const account = readUserAnswer(answer, reading);
    if (account === undefined) throw refusalOfReading("user", response, deps.clock());
    return account;
  };
}

function refusalOfUser(response: Response, nowMs: number): ExchangeError {
  const { status } = response;
  const cause: Circumstance = { kind: "upstream", endpoint: "user", status };
  if (status === 401) return new ExchangeError("TOKEN_INVALID", { cause });
  // A limit, as some providers (GitHub) put it.
  if (status === 403 && response.headers.has("retry-after")) return rateLimited(response, nowMs, cause);
  return refusalOfReading("user", response, nowMs);
}
