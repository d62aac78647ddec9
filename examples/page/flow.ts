// The code flow as a page runs it: PKCE in the browser, RPCs by Connect-Web over two protocols, the plain route by fetch.
// Each call comes back as a message with request and answer in JSON. Nothing here knows the document.

import { create, type DescMessage, type JsonValue, type MessageInitShape, toJson } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-web";
import { ErrorDetailSchema } from "../../gen/cambio/v1/error_pb.ts";
import {
  CreateAuthorizationUrlRequestSchema,
  CreateAuthorizationUrlResponseSchema,
  ExchangeRequestSchema,
  ExchangeResponseSchema,
  RefreshRequestSchema,
  RefreshResponseSchema,
  TokenExchangeService,
} from "../../gen/cambio/v1/token_exchange_service_pb.ts";
import type { PageSettings } from "./settings.ts";

export type Protocol = "Connect" | "gRPC-Web";

/** One call, as it is shown. */
export interface Exchanged {
  readonly title: string;
  readonly ok: boolean;
  readonly request: JsonValue;
  /** The answer, or the error with its detail. */
  readonly response: JsonValue;
  /** `x-request-id` as the browser lets this page read it; empty: it does not. */
  readonly requestId: string;
  readonly milliseconds: number;
}

/** What the page remembers while the user is at the provider. */
export interface Begun {
  readonly verifier: string;
  readonly state: string;
  readonly authorizationUrl: string;
}

/** What the provider sent along to the redirect URI. */
export interface Returned {
  readonly code: string;
  readonly state: string;
  readonly issuer: string;
}

export interface Redeemed {
  readonly call: Exchanged;
  /** Undefined: none was issued, or the call failed. */
  readonly refreshToken: string | undefined;
}

/** No call to this service takes as long; a page that waits for ever tells nobody why. */
const timeoutMs = 20_000;

export function createFlow(settings: PageSettings) {
  const { cambio, clientId, redirectUri, audience } = settings;
  const clients = {
    Connect: createClient(TokenExchangeService, createConnectTransport({ baseUrl: cambio, defaultTimeoutMs: timeoutMs })),
    "gRPC-Web": createClient(TokenExchangeService, createGrpcWebTransport({ baseUrl: cambio, defaultTimeoutMs: timeoutMs })),
  };

  return {
    async begin(): Promise<{ call: Exchanged; begun: Begun | undefined }> {
      const { verifier, challenge } = await newPkce();
      const asked = { clientId, redirectUri, audiences: [audience], codeChallenge: challenge };
      const { call, answer } = await rpc({
        title: "CreateAuthorizationUrl by Connect",
        request: [CreateAuthorizationUrlRequestSchema, asked],
        answers: CreateAuthorizationUrlResponseSchema,
        send: (message, options) => clients.Connect.createAuthorizationUrl(message, options),
      });
      const begun = answer && { verifier, state: answer.state, authorizationUrl: answer.authorizationUrl };
      return { call, begun };
    },

    async exchange(protocol: Protocol, begun: Begun, { code, state, issuer }: Returned): Promise<Redeemed> {
      const value = { code, redirectUri, codeVerifier: begun.verifier, state, issuer };
      const { call, answer } = await rpc({
        title: `Exchange by ${protocol}`,
        request: [ExchangeRequestSchema, { clientId, subject: { case: "authorizationCode", value }, audiences: [audience] }],
        answers: ExchangeResponseSchema,
        send: (message, options) => clients[protocol].exchange(message, options),
      });
      return { call, refreshToken: answer?.tokens?.refreshToken };
    },

    async refresh(protocol: Protocol, refreshToken: string): Promise<Redeemed> {
      const { call, answer } = await rpc({
        title: `Refresh by ${protocol}`,
        request: [RefreshRequestSchema, { clientId, credential: { case: "refreshToken", value: refreshToken } }],
        answers: RefreshResponseSchema,
        send: (message, options) => clients[protocol].refresh(message, options),
      });
      return { call, refreshToken: answer?.tokens?.refreshToken };
    },

    async exchangeByRoute(begun: Begun, { code, state }: Returned): Promise<Redeemed> {
      const request = { code, code_verifier: begun.verifier, redirect_uri: redirectUri, state };
      const started = performance.now();
      const shown = { title: `POST ${settings.exchangePath}`, request };
      try {
        const response = await fetch(`${cambio}${settings.exchangePath}`, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify(request),
          signal: AbortSignal.timeout(timeoutMs),
        });
        const body = (await response.json()) as Record<string, JsonValue>;
        const requestId = response.headers.get("x-request-id") ?? "";
        const refreshToken = typeof body["refresh_token"] === "string" ? body["refresh_token"] : undefined;
        const call = {
          ...shown,
          ok: response.ok,
          response: { status: response.status, body },
          requestId,
          milliseconds: performance.now() - started,
        };
        return { call, refreshToken };
      } catch (failure) {
        const call = { ...shown, ok: false, response: String(failure), requestId: "", milliseconds: performance.now() - started };
        return { call, refreshToken: undefined };
      }
    },
  };
}

export type Flow = ReturnType<typeof createFlow>;

interface Rpc<I extends DescMessage, O extends DescMessage> {
  readonly title: string;
  readonly request: readonly [I, MessageInitShape<I>];
  readonly answers: O;
  readonly send: (message: MessageShapeOf<I>, options: { onHeader(headers: Headers): void }) => Promise<MessageShapeOf<O>>;
}

type MessageShapeOf<D extends DescMessage> = ReturnType<typeof create<D>>;

async function rpc<I extends DescMessage, O extends DescMessage>(one: Rpc<I, O>): Promise<{ call: Exchanged; answer?: MessageShapeOf<O> }> {
  const [schema, init] = one.request;
  const message = create(schema, init);
  const shown = { title: one.title, request: toJson(schema, message) };
  let requestId = "";
  const started = performance.now();
  try {
    const answer = await one.send(message, {
      onHeader: (headers) => {
        requestId = headers.get("x-request-id") ?? "";
      },
    });
    const call = { ...shown, ok: true, response: toJson(one.answers, answer), requestId, milliseconds: performance.now() - started };
    return { call, answer };
  } catch (failure) {
    const error = ConnectError.from(failure);
    const response = errorJson(error);
    requestId = error.metadata.get("x-request-id") ?? requestId;
    return { call: { ...shown, ok: false, response, requestId, milliseconds: performance.now() - started } };
  }
}

function errorJson(error: ConnectError): JsonValue {
  const details = error.findDetails(ErrorDetailSchema).map((detail) => toJson(ErrorDetailSchema, detail));
  // As the wire spells it: `failed_precondition`.
  const code = Code[error.code].replaceAll(/(?<=.)[A-Z]/g, (letter) => `_${letter}`).toLowerCase();
  return { code, message: error.rawMessage, details };
}

/** RFC 7636 §4.1, §4.2. */
async function newPkce(): Promise<{ verifier: string; challenge: string }> {
  const verifier = base64url(crypto.getRandomValues(new Uint8Array(32)));
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier));
  return { verifier, challenge: base64url(new Uint8Array(digest)) };
}

function base64url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
}
