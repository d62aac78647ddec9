// The Exchange RPC: message → question, core, answer → message.

import { create } from "@bufbuild/protobuf";
import type { HandlerContext } from "@connectrpc/connect";
import { malformed } from "../exchange/errors.ts";
import { type ExchangeRequest, type ExchangeResponse, ExchangeResponseSchema } from "../../gen/cambio/v1/token_exchange_service_pb.ts";
import { Issuance } from "../../gen/cambio/v1/token_pb.ts";
import type { Exchange } from "../exchange/exchange.ts";
import { isVerifier } from "../exchange/pkce.ts";
import type { Clock } from "../exchange/ports.ts";
import { Secret } from "../exchange/secret.ts";
import { callOf, enter, type Entrance } from "./caller.ts";
import { audienceList, bounded, bounds, printable, requiredSecret, visible } from "./rules.ts";
import { encodeTokenSet } from "./token-set.ts";

export interface ExchangeRpcDeps {
  readonly entrance: Entrance;
  readonly exchange: Exchange;
  readonly clock: Clock;
}

export function createExchangeRpc({ entrance, exchange, clock }: ExchangeRpcDeps) {
  return async function handle(request: ExchangeRequest, context: HandlerContext): Promise<ExchangeResponse> {
    const call = callOf(context.values);
    const asked = decode(request);
    const clientId = bounded(request.clientId, bounds.clientId, "client_id");
    const { client, trail } = enter(entrance, call, { clientId, method: "Exchange" });
    const tokens = await exchange({ client, ...asked, trail }, context.signal);
    return create(ExchangeResponseSchema, { tokens: encodeTokenSet(tokens, clock), issuance: Issuance.PASSTHROUGH });
  };
}

function decode(request: ExchangeRequest) {
  if (request.subject.case !== "authorizationCode") throw malformed("subject");
  const subject = request.subject.value;
  if (subject.codeVerifier !== "" && !isVerifier(subject.codeVerifier)) throw malformed("code_verifier");
  return {
    provider: visible(request.provider, bounds.name, "provider"),
    code: requiredSecret(subject.code, bounds.code, "code"),
    redirectUri: visible(subject.redirectUri, bounds.uri, "redirect_uri"),
    codeVerifier: subject.codeVerifier === "" ? undefined : new Secret(subject.codeVerifier),
    state: printable(subject.state, bounds.opaque, "state"),
    nonce: printable(subject.nonce, bounds.opaque, "nonce"),
    issuer: visible(subject.issuer, bounds.uri, "issuer"),
    audiences: audienceList(request.audiences),
  };
}
