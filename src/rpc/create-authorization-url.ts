// The CreateAuthorizationUrl RPC: message → question, core, answer → message.

import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { HandlerContext } from "@connectrpc/connect";
import { malformed } from "../exchange/errors.ts";
import {
  type CreateAuthorizationUrlRequest,
  type CreateAuthorizationUrlResponse,
  CreateAuthorizationUrlResponseSchema,
} from "../../gen/cambio/v1/token_exchange_service_pb.ts";
import type { Authorize } from "../exchange/authorize.ts";
import { isChallenge } from "../exchange/pkce.ts";
import { callOf, enter, type Entrance } from "./caller.ts";
import { audienceList, bounded, bounds, printable, scopeList, visible } from "./rules.ts";

export interface AuthorizationUrlRpcDeps {
  readonly entrance: Entrance;
  readonly authorize: Authorize;
}

export function createAuthorizationUrlRpc({ entrance, authorize }: AuthorizationUrlRpcDeps) {
  return async function handle(request: CreateAuthorizationUrlRequest, context: HandlerContext): Promise<CreateAuthorizationUrlResponse> {
    const call = callOf(context.values);
    const asked = decode(request);
    const clientId = bounded(request.clientId, bounds.clientId, "client_id");
    const { client, trail } = enter(entrance, call, { clientId, method: "CreateAuthorizationUrl" });
    const answer = await authorize({ client, ...asked, trail }, context.signal);
    return create(CreateAuthorizationUrlResponseSchema, {
      authorizationUrl: answer.authorizationUrl,
      state: answer.state,
      expiresAt: timestampFromMs(answer.expiresAtMs),
    });
  };
}

/** OpenID Connect Core §3.1.2.1. */
const prompts: ReadonlySet<string> = new Set(["none", "login", "consent", "select_account"]);

/** Each word once, and `none` alone. */
function isPrompt(prompt: string): boolean {
  if (prompt === "") return true;
  const words = prompt.split(" ", prompts.size + 1);
  const unique = new Set(words);
  return unique.size === words.length && words.every((word) => prompts.has(word)) && (words.length === 1 || !unique.has("none"));
}

function decode(request: CreateAuthorizationUrlRequest) {
  if (request.codeChallenge !== "" && !isChallenge(request.codeChallenge)) throw malformed("code_challenge");
  if (!isPrompt(request.prompt)) throw malformed("prompt");
  return {
    provider: visible(request.provider, bounds.name, "provider"),
    redirectUri: visible(request.redirectUri, bounds.uri, "redirect_uri"),
    scopes: scopeList(request.scopes, "scopes"),
    audiences: audienceList(request.audiences),
    codeChallenge: request.codeChallenge,
    nonce: printable(request.nonce, bounds.opaque, "nonce"),
    loginHint: bounded(request.loginHint, bounds.opaque, "login_hint"),
    prompt: request.prompt,
  };
}
