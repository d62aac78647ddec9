// How a refresh handle reaches a client and comes back: in messages, or in the cookie that its configuration names.

import type { HandlerContext } from "@connectrpc/connect";
import type { Client } from "../exchange/clients.ts";
import { ExchangeError, malformed } from "../exchange/errors.ts";
import { Secret } from "../exchange/secret.ts";
import type { TokenSet } from "../exchange/tokens.ts";
import { endedRefreshCookie, readCookie, refreshCookie } from "./cookies.ts";

type Answering = Pick<HandlerContext, "responseHeader">;

/** @param lifeMs how long an unused handle lasts */
export function deliver(
  tokens: TokenSet,
  client: Client,
  { context, lifeMs }: { readonly context: Answering; readonly lifeMs: number },
): TokenSet {
  if (client.refreshCookie === undefined || tokens.refreshToken === undefined) return tokens;
  context.responseHeader.append("set-cookie", refreshCookie(client.refreshCookie, tokens.refreshToken, lifeMs));
  return { ...tokens, refreshToken: undefined };
}

/**
 * @param field of the message that could have held it
 * @throws ExchangeError REAUTHENTICATION_REQUIRED: there is none; MALFORMED_REQUEST: this client has no cookie, so it said nothing
 */
export function handleInCookie(client: Client, header: string | null, field: string): Secret {
  if (client.refreshCookie === undefined) throw malformed(field);
  const value = readCookie(header, client.refreshCookie);
  if (value === undefined) throw new ExchangeError("REAUTHENTICATION_REQUIRED");
  return new Secret(value);
}

/** Whatever it held has ended. */
export function takeBack(client: Client, context: Answering): void {
  if (client.refreshCookie !== undefined) context.responseHeader.append("set-cookie", endedRefreshCookie(client.refreshCookie));
}
