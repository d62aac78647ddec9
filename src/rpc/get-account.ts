// The GetAccount RPC: message → question, core, answer → message.

import { create } from "@bufbuild/protobuf";
import type { HandlerContext } from "@connectrpc/connect";
import {
  type GetAccountRequest,
  type GetAccountResponse,
  GetAccountResponseSchema,
} from "../../gen/cambio/v1/token_exchange_service_pb.ts";
import type { Session, Token } from "../../gen/cambio/v1/token_pb.ts";
import type { Client } from "../exchange/clients.ts";
import { malformed } from "../exchange/errors.ts";
import type { GetAccount, GetAccountQuestion } from "../exchange/get-account.ts";
import { Secret } from "../exchange/secret.ts";
import { encodeAccount } from "./account.ts";
import { callOf, enter, type Entrance } from "./caller.ts";
import { bounded, bounds, requiredSecret, visible } from "./rules.ts";
import { sessionInCookie } from "./session-cookie.ts";
import { checkAccessTokenType } from "./token-types.ts";

export interface GetAccountRpcDeps {
  readonly entrance: Entrance;
  readonly getAccount: GetAccount;
}

export function createGetAccountRpc({ entrance, getAccount }: GetAccountRpcDeps) {
  return async function handle(request: GetAccountRequest, context: HandlerContext): Promise<GetAccountResponse> {
    const clientId = bounded(request.clientId, bounds.clientId, "client_id");
    const { proofInMessage, subjectFor } = decodeSubject(request, context);
    const asked = { provider: visible(request.provider, bounds.name, "provider"), fresh: request.fresh };
    const { client, trail } = enter(entrance, callOf(context.values), { clientId, method: "GetAccount", proofInMessage });
    const account = await getAccount({ client, ...asked, subject: subjectFor(client), trail }, context.signal);
    return create(GetAccountResponseSchema, { account: encodeAccount(account) });
  };
}

interface Decoded {
  readonly proofInMessage: boolean;
  readonly subjectFor: (client: Client) => GetAccountQuestion["subject"];
}

function decodeSubject({ subject }: GetAccountRequest, context: HandlerContext): Decoded {
  switch (subject.case) {
    case "token":
      return decodeToken(subject.value);
    case "session":
      return decodeSession(subject.value, context);
    case undefined:
      throw malformed("subject");
  }
}

/** Whoever has seen a token can send it: it proves nothing about the page that does. */
function decodeToken({ value, type }: Token): Decoded {
  if (value === "") throw malformed("token");
  checkAccessTokenType(type);
  // Its size and its form are decided by the core, with a reason of their own.
  const token = new Secret(value);
  return { proofInMessage: false, subjectFor: () => ({ kind: "token", token }) };
}

/** A browser sends its cookie along whatever page asks it to; who has the session's token itself, has it. */
function decodeSession({ token }: Session, context: HandlerContext): Decoded {
  if (token === "") {
    const cookies = context.requestHeader.get("cookie");
    return { proofInMessage: false, subjectFor: (client) => ({ kind: "session", shown: sessionInCookie(client, cookies) }) };
  }
  const shown = { token: requiredSecret(token, bounds.session, "session"), from: "message" } as const;
  return { proofInMessage: true, subjectFor: () => ({ kind: "session", shown: () => shown }) };
}
