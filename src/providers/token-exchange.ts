// Token exchange at a provider's token endpoint (RFC 8693 §2): one request, by the registration of the audience that asks, and its
// successful answer. Nothing one-time is spent, so no failure here leaves anything in doubt. What refusals mean is
// exchange-refusals.ts; whether the new token may be handed out, exchange/exchanged-bounds.ts.

import { allowInsecureRequests, customFetch, genericTokenEndpointRequest } from "oauth4webapi";
import { type Circumstance, ExchangeError } from "../exchange/errors.ts";
import type { Clock } from "../exchange/ports.ts";
import type { SubjectExchange } from "../exchange/token-exchange-ports.ts";
import { type TokenSet, tokenTypes } from "../exchange/tokens.ts";
import type { HttpClient } from "../net/http-client.ts";
import { type ActingClients, actingAs } from "./acting-clients.ts";
import type { RefusalWords } from "./definition.ts";
import { refusalOfExchange } from "./exchange-refusals.ts";
import { guardedFetch } from "./guarded-fetch.ts";
import { type JsonAnswer, readJsonAnswer } from "./json-answer.ts";
import { byTheBook, readTokenAnswer } from "./token-answer.ts";
import { failureOfReading } from "./upstream-errors.ts";

const grantType = "urn:ietf:params:oauth:grant-type:token-exchange";

export interface TokenExchangeOptions {
  readonly issuer: string;
  /** By configured name of the audience that asks. */
  readonly actingClients: ActingClients;
  /** By which parameter the provider is told whom the new token is for (RFC 8693 §2.1). */
  readonly targetParameter: "audience" | "resource";
  readonly refusalWords: RefusalWords;
}

export function createTokenExchange(deps: { readonly http: HttpClient; readonly clock: Clock }, options: TokenExchangeOptions) {
  const send = guardedFetch(deps.http, "token");

  /** See ExchangeSubject for what it throws. */
  return async function exchange(tokenEndpoint: string, request: SubjectExchange, signal: AbortSignal): Promise<TokenSet> {
    const { id, authenticate } = actingAs(options.actingClients, request.as);
    const askedAtMs = deps.clock();
    const response = await genericTokenEndpointRequest(
      { issuer: options.issuer, token_endpoint: tokenEndpoint },
      { client_id: id },
      authenticate,
      grantType,
      parametersOf(request, options.targetParameter),
      { [customFetch]: send, [allowInsecureRequests]: true, signal },
    ).catch((failure: unknown) => {
      throw failureOfReading("token", failure, signal);
    });
    const answer = await readJsonAnswer(response);
    if (response.status !== 200 || answer === undefined || "error" in answer)
      throw refusalOfExchange(response, answer, { words: options.refusalWords, nowMs: deps.clock() });
    return tokensOf(answer, request, { issuer: options.issuer, askedAtMs, status: response.status });
  };
}

function parametersOf(request: SubjectExchange, targetParameter: string): URLSearchParams {
  const parameters = new URLSearchParams({
    subject_token: request.subjectToken.reveal(),
    subject_token_type: tokenTypes.accessToken,
    requested_token_type: wantedType(request),
  });
  for (const recipient of request.recipients) parameters.append(targetParameter, recipient);
  if (request.scopes.length > 0) parameters.set("scope", request.scopes.join(" "));
  return parameters;
}

interface Asked {
  readonly issuer: string;
  readonly askedAtMs: number;
  readonly status: number;
}

/** Of the type that was asked for, to be used as a bearer token; nothing that was not asked for comes along. */
function tokensOf(answer: JsonAnswer, request: SubjectExchange, { issuer, askedAtMs, status }: Asked): TokenSet {
  const tokens = readTokenAnswer(answer, { issuer, askedAtMs }, byTheBook);
  const fits = tokens?.tokenType === "Bearer" && answer["issued_token_type"] === wantedType(request);
  const refreshToken = request.refreshToken ? tokens?.refreshToken : undefined;
  if (tokens === undefined || !fits || (request.refreshToken && refreshToken === undefined)) {
    const cause: Circumstance = { kind: "upstream", endpoint: "token", status, code: "not_as_asked" };
    throw new ExchangeError("UPSTREAM_INVALID_RESPONSE", { cause });
  }
  return { ...tokens, refreshToken, idToken: undefined };
}

function wantedType({ refreshToken }: SubjectExchange): string {
  return refreshToken ? tokenTypes.refreshToken : tokenTypes.accessToken;
}
