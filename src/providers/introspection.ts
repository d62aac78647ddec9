// Token introspection (RFC 7662): one request about one token, and what its answer says. Asking again does no harm. What an answer
// must say to be believed is exchange/token/introspected-claims.ts; when a provider is asked is introspecting-verifier.ts.

import { allowInsecureRequests, customFetch, introspectionRequest } from "oauth4webapi";
import { type Circumstance, ExchangeError } from "../exchange/errors.ts";
import type { Clock } from "../exchange/ports.ts";
import type { Secret } from "../exchange/secret.ts";
import { isJsonObject, type JsonObject } from "../exchange/token/strict-json.ts";
import type { HttpClient } from "../net/http-client.ts";
import type { ActingClient, ActingClients } from "./acting-clients.ts";
import { clientAuthentication, type UpstreamClient } from "./client-authentication.ts";
import type { Discovery } from "./discovery.ts";
import { guardedFetch } from "./guarded-fetch.ts";
import { readStrictJson } from "./json-answer.ts";
import { failureOfReading, refusalOfReading, rejectedClient } from "./upstream-errors.ts";

/** Characters of an answer: four times what a token can hold. All of it is compared, kept and handed on. */
const maxAnswerLength = 64 * 1024;

/** Of an answer: a signed answer (RFC 9701) nests no deeper, and is not asked for. */
const maxDepth = 16;

export interface IntrospectionDeps {
  readonly http: HttpClient;
  readonly clock: Clock;
  readonly discovery: Pick<Discovery, "metadata">;
}

export interface IntrospectionOptions {
  readonly issuer: string;
  /** This service's own registration. */
  readonly client: UpstreamClient;
  /** Those of audiences (`exchange_as`). */
  readonly actingClients: ActingClients;
}

/**
 * With the `aud` of a token whose signature was verified; empty: it is opaque. Undefined: not active, for whatever reason; the provider does not say (RFC 7662 §2.2).
 * @throws ExchangeError UPSTREAM_*, DEADLINE_EXCEEDED (cannot decide)
 */
export type Introspect = (token: Secret, aud: readonly string[], signal: AbortSignal) => Promise<JsonObject | undefined>;

export function createIntrospection({ http, clock, discovery }: IntrospectionDeps, options: IntrospectionOptions): Introspect {
  const { issuer, client, actingClients } = options;
  const self: ActingClient = { id: client.id, authenticate: clientAuthentication(client) };
  const send = guardedFetch(http, "introspection");

  /** Some providers answer only those whom a token is for (Keycloak): of the registrations here the first that stands in its `aud`. */
  function askerFor(aud: readonly string[]): ActingClient {
    return [self, ...actingClients.values()].find(({ id }) => aud.includes(id)) ?? self;
  }

  return async function introspect(token, aud, signal) {
    const asker = askerFor(aud);
    const { introspectionEndpoint } = await discovery.metadata(signal);
    if (introspectionEndpoint === undefined) throw noEndpoint();
    const response = await introspectionRequest(
      { issuer, introspection_endpoint: introspectionEndpoint },
      { client_id: asker.id },
      asker.authenticate,
      token.reveal(),
      { [customFetch]: send, [allowInsecureRequests]: true, signal, additionalParameters: { token_type_hint: "access_token" } },
    ).catch((failure: unknown) => {
      throw failureOfReading("introspection", failure, signal);
    });
    if (response.status === 401 || response.status === 403) throw rejectedClient("introspection", response);
    const answer = response.status === 200 ? await read(response) : undefined;
    // An answer that does not say whether the token is active says nothing; neither does one that names an error.
    if (answer === undefined || "error" in answer || typeof answer["active"] !== "boolean")
      throw refusalOfReading("introspection", response, clock());
    return answer["active"] ? answer : undefined;
  };
}

async function read(response: Response): Promise<JsonObject | undefined> {
  const value = await readStrictJson(response, { maxLength: maxAnswerLength, maxDepth });
  return isJsonObject(value) ? value : undefined;
}

function noEndpoint(): ExchangeError {
  const cause: Circumstance = { kind: "upstream", endpoint: "discovery", code: "introspection_endpoint:missing" };
  return new ExchangeError("UPSTREAM_INVALID_RESPONSE", { cause });
}
