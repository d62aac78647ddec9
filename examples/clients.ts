// Clients as others would write them, from the generated code and Connect: a service over gRPC with its secret, and a browser
// page's calls over Connect, played from Node. Only what is sent is decided here.

import { randomBytes, webcrypto } from "node:crypto";
import { type Client, createClient, type Interceptor } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { TokenExchangeService } from "../gen/cambio/v1/token_exchange_service_pb.ts";
import { Health } from "../gen/health/v1/health_pb.ts";

export type TokenExchangeClient = Client<typeof TokenExchangeService>;

/** HTTP Basic, id and secret each form-encoded (RFC 6749 §2.3.1). */
export function basic(id: string, secret: string): string {
  return `Basic ${Buffer.from(`${formEncoded(id)}:${formEncoded(secret)}`).toString("base64")}`;
}

function formEncoded(text: string): string {
  return new URLSearchParams([["", text]]).toString().slice(1);
}

/** A service: gRPC over one HTTP/2 connection. */
export function serviceClient(url: string, id: string, secret: string) {
  const sessionManager = new Http2SessionManager(url);
  const transport = createGrpcTransport({ baseUrl: url, sessionManager, interceptors: [withHeader("authorization", basic(id, secret))] });
  return {
    tokens: createClient(TokenExchangeService, transport),
    health: createClient(Health, transport),
    close: () => sessionManager.abort(),
  };
}

/** A page: Connect with JSON over HTTP/1.1, with the Origin that its browser would send. */
export function pageClient(url: string, origin: string): TokenExchangeClient {
  const transport = createConnectTransport({
    baseUrl: url,
    httpVersion: "1.1",
    useBinaryFormat: false,
    interceptors: [withHeader("origin", origin)],
  });
  return createClient(TokenExchangeService, transport);
}

/** A PKCE pair (RFC 7636 §4.1, §4.2). */
export async function newPkce(): Promise<{ verifier: string; challenge: string }> {
  const verifier = randomBytes(32).toString("base64url");
  const digest = await webcrypto.subtle.digest("SHA-256", Buffer.from(verifier));
  return { verifier, challenge: Buffer.from(digest).toString("base64url") };
}

function withHeader(name: string, value: string): Interceptor {
  return (next) => (request) => {
    request.header.set(name, value);
    return next(request);
  };
}
