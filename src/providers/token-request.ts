// A call to a token endpoint that spends a code or a refresh token (RFC 6749 §4.1.3, §6), as a form or as JSON. Sent once and never
// aborted; what the answer means is read elsewhere.

import { allowInsecureRequests, type ClientAuth, customFetch, genericTokenEndpointRequest } from "oauth4webapi";
import type { HttpClient } from "../net/http-client.ts";
import type { BodyFormat } from "./definition.ts";
import { guardedFetch } from "./guarded-fetch.ts";
import { failureOfSpending } from "./upstream-errors.ts";

export interface TokenRequest {
  readonly grantType: "authorization_code" | "refresh_token";
  readonly parameters: URLSearchParams;
  readonly format: BodyFormat;
  /** By which registration. */
  readonly client: { readonly id: string; readonly authenticate: ClientAuth };
  /** See HttpCall. */
  readonly onSending?: (() => void) | undefined;
}

/** The result throws ExchangeError OUTCOME_UNKNOWN; UPSTREAM_* where nothing was sent. */
export type SendTokenRequest = (endpoint: string, request: TokenRequest) => Promise<Response>;

export function createTokenRequest(http: HttpClient, issuer: string): SendTokenRequest {
  return (endpoint, { grantType, parameters, client, ...further }) =>
    genericTokenEndpointRequest(
      { issuer, token_endpoint: endpoint },
      { client_id: client.id },
      client.authenticate,
      grantType,
      parameters,
      { [customFetch]: guardedFetch(http, "token", further), [allowInsecureRequests]: true },
    ).catch((failure: unknown) => {
      throw failureOfSpending(failure);
    });
}
