// What a page of an application does with its user's session, by Connect-Web: bundled by the test, and run in a real browser.

import { createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-web";
import { TokenExchangeService } from "../../gen/cambio/v1/token_exchange_service_pb.ts";

export interface SessionPageAnswer {
  readonly accessToken: string;
  readonly refreshToken: string;
  readonly userId: string;
}

const refreshTokenType = "urn:ietf:params:oauth:token-type:refresh_token";

const withCookies: typeof fetch = (input, init) => fetch(input, { ...init, credentials: "include" });

function clientOf(baseUrl: string, protocol: "connect" | "grpc-web") {
  const options = { baseUrl, fetch: withCookies };
  return createClient(TokenExchangeService, protocol === "connect" ? createConnectTransport(options) : createGrpcWebTransport(options));
}

export async function exchange(baseUrl: string, protocol: "connect" | "grpc-web", clientId: string): Promise<SessionPageAnswer> {
  const { tokens, account } = await clientOf(baseUrl, protocol).exchange({
    clientId,
    subject: { case: "session", value: {} },
    requestedTokenType: refreshTokenType,
  });
  return { accessToken: tokens?.accessToken ?? "", refreshToken: tokens?.refreshToken ?? "", userId: account?.id ?? "" };
}

export async function refresh(baseUrl: string, clientId: string): Promise<string> {
  const { tokens } = await clientOf(baseUrl, "connect").refresh({ clientId });
  return tokens?.accessToken ?? "";
}
