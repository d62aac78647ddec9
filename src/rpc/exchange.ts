// The Exchange RPC: message → question, core, answer → message. A code and a token are answered by operations of their own.

import { create } from "@bufbuild/protobuf";
import type { HandlerContext } from "@connectrpc/connect";
import { malformed } from "../exchange/errors.ts";
import {
  type AuthorizationCode,
  type ExchangeRequest,
  type ExchangeResponse,
  ExchangeResponseSchema,
} from "../../gen/cambio/v1/token_exchange_service_pb.ts";
import { Issuance, type Token } from "../../gen/cambio/v1/token_pb.ts";
import type { Exchange } from "../exchange/exchange.ts";
import type { ExchangeToken } from "../exchange/exchange-token.ts";
import { isVerifier } from "../exchange/pkce.ts";
import type { Clock } from "../exchange/ports.ts";
import { Secret } from "../exchange/secret.ts";
import { tokenTypes } from "../exchange/tokens.ts";
import { callOf, enter, type Entrance } from "./caller.ts";
import { audienceList, bounded, bounds, printable, requiredSecret, scopeList, visible } from "./rules.ts";
import { encodeTokenSet } from "./token-set.ts";
import { checkAccessTokenType } from "./token-types.ts";

export interface ExchangeRpcDeps {
  readonly entrance: Entrance;
  readonly exchange: Exchange;
  readonly exchangeToken: ExchangeToken;
  readonly clock: Clock;
}

export function createExchangeRpc({ entrance, exchange, exchangeToken, clock }: ExchangeRpcDeps) {
  return async function handle(request: ExchangeRequest, context: HandlerContext): Promise<ExchangeResponse> {
    switch (request.subject.case) {
      case "authorizationCode":
        return redeemCode(request, request.subject.value, context);
      case "subjectToken":
        return exchangeSubject(request, request.subject.value, context);
      case undefined:
        throw malformed("subject");
    }
  };

  async function redeemCode(request: ExchangeRequest, code: AuthorizationCode, context: HandlerContext): Promise<ExchangeResponse> {
    const asked = { ...decodeCommon(request), ...decodeCode(request, code) };
    const { client, trail } = enter(entrance, callOf(context.values), { clientId: clientIdOf(request), method: "Exchange" });
    const tokens = await exchange({ client, ...asked, trail }, context.signal);
    return create(ExchangeResponseSchema, { tokens: encodeTokenSet(tokens, clock), issuance: Issuance.PASSTHROUGH });
  }

  async function exchangeSubject(request: ExchangeRequest, token: Token, context: HandlerContext): Promise<ExchangeResponse> {
    const { issuedType, ...asked } = { ...decodeCommon(request), ...decodeToken(request, token) };
    // Whoever has seen a token can send it: it proves nothing about the page that does.
    const entering = { clientId: clientIdOf(request), method: "Exchange", proofInMessage: false } as const;
    const { client, trail } = enter(entrance, callOf(context.values), entering);
    const tokens = await exchangeToken({ client, ...asked, trail }, context.signal);
    return create(ExchangeResponseSchema, {
      tokens: encodeTokenSet(tokens, clock, issuedType),
      issuance: Issuance.PROVIDER_EXCHANGE,
    });
  }
}

function clientIdOf({ clientId }: ExchangeRequest): string {
  return bounded(clientId, bounds.clientId, "client_id");
}

function decodeCommon(request: ExchangeRequest) {
  return { provider: visible(request.provider, bounds.name, "provider"), audiences: audienceList(request.audiences) };
}

function decodeCode(request: ExchangeRequest, subject: AuthorizationCode) {
  if (subject.codeVerifier !== "" && !isVerifier(subject.codeVerifier)) throw malformed("code_verifier");
  // They belong to the authorization request, which is over: to pass them by would be to let somebody rely on them.
  if (request.scopes.length > 0) throw malformed("scopes");
  if (request.requestedTokenType !== "") throw malformed("requested_token_type");
  if (request.actorToken !== undefined) throw malformed("actor_token");
  return {
    code: requiredSecret(subject.code, bounds.code, "code"),
    redirectUri: visible(subject.redirectUri, bounds.uri, "redirect_uri"),
    codeVerifier: subject.codeVerifier === "" ? undefined : new Secret(subject.codeVerifier),
    state: printable(subject.state, bounds.opaque, "state"),
    nonce: printable(subject.nonce, bounds.opaque, "nonce"),
    issuer: visible(subject.issuer, bounds.uri, "issuer"),
  };
}

function decodeToken(request: ExchangeRequest, subject: Token) {
  if (subject.value === "") throw malformed("subject_token");
  checkAccessTokenType(subject.type);
  return {
    // Its size and its form are decided by the core, with a reason of their own.
    subjectToken: new Secret(subject.value),
    scopes: scopeList(request.scopes, "scopes"),
    hasActor: request.actorToken !== undefined,
    ...issuedOf(request.requestedTokenType),
  };
}

/** RFC 8693 §3. An access token that is a JWT is asked for as an access token, and each is verified as a JWT or by its provider. */
function issuedOf(requested: string): { readonly issuedType: string; readonly refreshToken: boolean; readonly jwt: boolean } {
  switch (requested) {
    case "":
    case tokenTypes.accessToken:
      return { issuedType: tokenTypes.accessToken, refreshToken: false, jwt: false };
    case tokenTypes.jwt:
      return { issuedType: tokenTypes.jwt, refreshToken: false, jwt: true };
    case tokenTypes.refreshToken:
      return { issuedType: tokenTypes.refreshToken, refreshToken: true, jwt: false };
    default:
      throw malformed("requested_token_type");
  }
}
