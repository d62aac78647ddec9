// One question to Cambio: ValidateCrossClient with this service's own credentials and a time limit. Nothing is remembered here.

import { createHash } from "node:crypto";
import { Agent } from "node:http";
import { Agent as TlsAgent } from "node:https";
import { timestampMs } from "@bufbuild/protobuf/wkt";
import { createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { TokenExchangeService } from "../../../gen/cambio/v1/token_exchange_service_pb.ts";
import type { TokenClaims as TokenClaimsMessage } from "../../../gen/cambio/v1/token_pb.ts";
import { waitFor } from "../waiting.ts";
import { readClaims } from "./claims.ts";
import { decisionOf, type Refusal, undecided } from "./decision.ts";

export interface Credentials {
  readonly clientId: string;
  readonly clientSecret: string;
}

export interface Question {
  readonly token: string;
  /** Empty: this service's default one. */
  readonly audience: string;
  /** Empty: found by the token's issuer. */
  readonly provider: string;
  readonly scopes: readonly string[];
}

export type Answer = { readonly kind: "valid"; readonly claims: TokenClaimsMessage; readonly validUntilMs: number } | Refusal;

export type AskCambio = (question: Question) => Promise<Answer>;

export interface Connection {
  readonly transport: Transport;
  close(): void;
}

/** Connections at a time; more questions wait for one, within their time limit. */
const maxSockets = 64;
/** Bytes of an answer: far more than the claims of a token of 16 KiB. */
const readMaxBytes = 131_072;

/** Connect over HTTP/1.1, which passes every proxy. For gRPC or TLS of one's own a transport is made by the caller. */
export function connectTo(baseUrl: string): Connection {
  const options = { keepAlive: true, maxSockets };
  const agent = new URL(baseUrl).protocol === "https:" ? new TlsAgent(options) : new Agent(options);
  const transport = createConnectTransport({ baseUrl, httpVersion: "1.1", nodeOptions: { agent }, readMaxBytes });
  return { transport, close: () => agent.destroy() };
}

/** @param credentials undefined: the transport proves this service by itself */
export function createAskCambio(transport: Transport, credentials: Credentials | undefined, timeoutMs: number): AskCambio {
  const client = createClient(TokenExchangeService, transport);
  const headers = credentials === undefined ? {} : { authorization: basic(credentials) };

  return async function ask({ token, audience, provider, scopes }) {
    const signal = AbortSignal.timeout(timeoutMs);
    try {
      const message = { token: { value: token }, audience, provider, requiredScopes: [...scopes] };
      // The limit holds for transports too that look at no signal.
      const { claims, validUntil } = await waitFor(client.validateCrossClient(message, { headers, timeoutMs, signal }), signal);
      if (claims === undefined || validUntil === undefined || readClaims(claims) === undefined) return undecided("MALFORMED_ANSWER");
      return { kind: "valid", claims, validUntilMs: timestampMs(validUntil) };
    } catch (failure) {
      return signal.aborted ? undecided("DeadlineExceeded") : decisionOf(failure);
    }
  };
}

/** HTTP Basic, id and secret each form-encoded (RFC 6749 §2.3.1). */
function basic({ clientId, clientSecret }: Credentials): string {
  return `Basic ${Buffer.from(`${formEncoded(clientId)}:${formEncoded(clientSecret)}`).toString("base64")}`;
}

function formEncoded(text: string): string {
  return new URLSearchParams([["", text]]).toString().slice(1);
}

/** Names a question without holding its token. Every part has its length before it: no two questions are written alike. */
export function keyOf({ token, audience, provider, scopes }: Question): string {
  const hash = createHash("sha256");
  for (const part of [token, audience, provider, ...new Set(scopes.toSorted())]) hash.update(`${Buffer.byteLength(part)}:`).update(part);
  return hash.digest("base64url");
}
