// The Exchange RPC: message → question, core, answer → message. A code, a token and a session are answered by operations of their own.

import { create } from "@bufbuild/protobuf";
import type { HandlerContext } from "@connectrpc/connect";
import { malformed } from "../exchange/errors.ts";
import {
  type AuthorizationCode,
  type ExchangeRequest,
  type ExchangeResponse,
  ExchangeResponseSchema,
} from "../../gen/cambio/v1/token_exchange_service_pb.ts";
import { Issuance, type Session, type Token } from "../../gen/cambio/v1/token_pb.ts";
import type { Exchange } from "../exchange/exchange.ts";
import type { ExchangeSession } from "../exchange/exchange-session.ts";
import type { ExchangeToken } from "../exchange/exchange-token.ts";
import { isVerifier } from "../exchange/pkce.ts";
import type { Clock } from "../exchange/ports.ts";
import { Secret } from "../exchange/secret.ts";
import { tokenTypes } from "../exchange/tokens.ts";
import { callOf, enter, type Entrance } from "./caller.ts";
import { encodeAccount } from "./account.ts";
import { deliver } from "./handle-delivery.ts";
import { sessionInCookie } from "./session-cookie.ts";
import { audienceList, bounded, bounds, printable, requiredSecret, scopeList, visible } from "./rules.ts";
import { encodeTokenSet } from "./token-set.ts";
import { checkAccessTokenType } from "./token-types.ts";

export interface ExchangeRpcDeps {
  readonly entrance: Entrance;
  readonly exchange: Exchange;
  readonly exchangeToken: ExchangeToken;
  readonly exchangeSession: ExchangeSession;
  readonly clock: Clock;
  /** How long an unused refresh handle lasts. */
  readonly handleLifeMs: number;
}

export function createExchangeRpc(deps: ExchangeRpcDeps) {
  const { entrance, clock, handleLifeMs: lifeMs } = deps;
  return async function handle(request: ExchangeRequest, context: HandlerContext): Promise<ExchangeResponse> {
    switch (request.subject.case) {
      case "authorizationCode":
        return redeemCode(request, request.subject.value, context);
      case "subjectToken":
        return exchangeSubject(request, request.subject.value, context);
      case "session":
        return exchangeSession(request, request.subject.value, context);
      case undefined:
        throw malformed("subject");
    }
  };

  async function redeemCode(request: ExchangeRequest, code: AuthorizationCode, context: HandlerContext): Promise<ExchangeResponse> {
    const asked = { ...decodeCommon(request), ...decodeCode(request, code) };
    const { client, trail } = enter(entrance, callOf(context.values), { clientId: clientIdOf(request), method: "Exchange" });
    const answer = await deps.exchange({ client, ...asked, trail }, context.signal);
    const tokens = deliver(answer.tokens, client, { context, lifeMs });
    return create(ExchangeResponseSchema, {
      tokens: encodeTokenSet(tokens, clock, { ours: answer.issuance === "MINTED" }),
      issuance: Issuance[answer.issuance],
      connectionId: answer.connectionId ?? "",
      ...(answer.account === undefined ? {} : { account: encodeAccount(answer.account) }),
    });
  }

  async function exchangeSubject(request: ExchangeRequest, token: Token, context: HandlerContext): Promise<ExchangeResponse> {
    const { issuedType, ...asked } = { ...decodeCommon(request), ...decodeToken(request, token) };
    // Whoever has seen a token can send it: it proves nothing about the page that does.
    const entering = { clientId: clientIdOf(request), method: "Exchange", proofInMessage: false } as const;
    const { client, trail } = enter(entrance, callOf(context.values), entering);
    const answer = await deps.exchangeToken({ client, ...asked, trail }, context.signal);
    const tokens = deliver(answer.tokens, client, { context, lifeMs });
    const ours = answer.issuance === "MINTED";
    return create(ExchangeResponseSchema, {
      tokens: encodeTokenSet(tokens, clock, { issuedType, ours }),
      issuance: Issuance[answer.issuance],
    });
  }

  async function exchangeSession(request: ExchangeRequest, session: Session, context: HandlerContext): Promise<ExchangeResponse> {
    const { issuedType, shown, ...asked } = { ...decodeCommon(request), ...decodeSession(request, session) };
    // A browser sends its cookie along whatever page asks it to; who has the session's token itself, has it.
    const entering = { clientId: clientIdOf(request), method: "Exchange", proofInMessage: shown !== undefined } as const;
    const { client, trail } = enter(entrance, callOf(context.values), entering);
    const ofCookie = sessionInCookie(client, context.requestHeader.get("cookie"));
    const question = { client, ...asked, session: shown === undefined ? ofCookie : () => shown, trail };
    const answer = await deps.exchangeSession(question, context.signal);
    const tokens = deliver(answer.tokens, client, { context, lifeMs });
    return create(ExchangeResponseSchema, {
      tokens: encodeTokenSet(tokens, clock, { issuedType, ours: true }),
      issuance: Issuance.MINTED,
      account: encodeAccount(answer),
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
    ...decodeWish(request),
  };
}

function decodeSession(request: ExchangeRequest, { token }: Session) {
  const { jwt: _, ...wish } = decodeWish(request);
  const shown = token === "" ? undefined : ({ token: requiredSecret(token, bounds.session, "session"), from: "message" } as const);
  return { shown, ...wish };
}

/** What is asked of a new token, whatever it comes from. */
function decodeWish(request: ExchangeRequest) {
  return {
    scopes: scopeList(request.scopes, "scopes"),
    actorToken: request.actorToken === undefined ? undefined : decodeActor(request.actorToken),
    ...issuedOf(request.requestedTokenType),
  };
}

function decodeActor({ value, type }: Token): Secret {
  if (value === "") throw malformed("actor_token");
  checkAccessTokenType(type, "ACTOR_TOKEN");
  return new Secret(value);
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
