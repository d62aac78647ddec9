// Token revocation at a provider (RFC 7009): one request and what its answer means. When it is made, and made again, is
// telling.ts. Telling a provider twice does no harm, so every failure but a refusal says that telling it again is safe.

import { allowInsecureRequests, customFetch, revocationRequest } from "oauth4webapi";
import { type Circumstance, ExchangeError } from "../exchange/errors.ts";
import type { Clock, TokenTypeHint } from "../exchange/ports.ts";
import type { Secret } from "../exchange/secret.ts";
import type { HttpClient } from "../net/http-client.ts";
import { clientAuthentication, type UpstreamClient } from "./client-authentication.ts";
import type { BodyFormat } from "./definition.ts";
import { guardedFetch } from "./guarded-fetch.ts";
import { readJsonAnswer } from "./json-answer.ts";
import { failureOfReading, refusalOfReading } from "./upstream-errors.ts";

/**
 * The token is of no use there any more (RFC 7009 §2.2), or never was revocable (§2.2.1): either way there is nothing left to
 * tell. `invalid_token` is what some answer for a token that has ended, where the RFC asks for 200.
 */
const nothingLeftToTell: readonly unknown[] = ["unsupported_token_type", "invalid_token"];

/** Errors that pass by themselves, whatever status they come with. */
const passing: readonly unknown[] = ["server_error", "temporarily_unavailable"];

/** Words that are safe to log (RFC 6749 §5.2). */
const knownRefusals: readonly unknown[] = ["invalid_request", "invalid_client", "unauthorized_client", "invalid_grant", "access_denied"];

export interface RevocationOptions {
  readonly issuer: string;
  readonly client: UpstreamClient;
  /** RFC 7009 has forms; some providers take JSON with the same members. */
  readonly format: BodyFormat;
}

export type RevokeUpstream = (endpoint: string, token: Secret, hint: TokenTypeHint, signal: AbortSignal) => Promise<void>;

/**
 * The result throws ExchangeError UPSTREAM_REJECTED_CLIENT (it refuses: telling it again would not help), other UPSTREAM_* and
 * DEADLINE_EXCEEDED (telling it again is safe).
 */
export function createRevocation(deps: { readonly http: HttpClient; readonly clock: Clock }, options: RevocationOptions): RevokeUpstream {
  const authenticate = clientAuthentication(options.client);
  const guarded = guardedFetch(deps.http, "revocation", { format: options.format });
  // The library asks for nothing, as success has no body; a refusal is JSON, and only read as such.
  const send: typeof guarded = (url, init) => guarded(url, { ...init, headers: { ...init.headers, accept: "application/json" } });

  return async function revoke(endpoint, token, hint, signal) {
    const response = await revocationRequest(
      { issuer: options.issuer, revocation_endpoint: endpoint },
      { client_id: options.client.id },
      authenticate,
      token.reveal(),
      { [customFetch]: send, [allowInsecureRequests]: true, signal, additionalParameters: { token_type_hint: hint } },
    ).catch((failure: unknown) => {
      throw failureOfReading("revocation", failure, signal);
    });
    const error = (await readJsonAnswer(response))?.["error"];
    const { status } = response;
    const answered = status === 200 || (status >= 400 && status < 500 && status !== 429 && status !== 408);
    if (status === 200 && error === undefined) return;
    if (answered && nothingLeftToTell.includes(error)) return;
    if (!answered || passing.includes(error)) throw again(response, deps.clock());
    const word = typeof error === "string" && knownRefusals.includes(error) ? { oauthError: error } : {};
    const cause: Circumstance = { kind: "upstream", endpoint: "revocation", status, ...word };
    throw new ExchangeError("UPSTREAM_REJECTED_CLIENT", { cause });
  };
}

function again(response: Response, nowMs: number): ExchangeError {
  if (response.status === 429 || response.status >= 500) return refusalOfReading("revocation", response, nowMs);
  const cause: Circumstance = { kind: "upstream", endpoint: "revocation", status: response.status };
  return new ExchangeError("UPSTREAM_UNAVAILABLE", { cause });
}
