// Domain tokens → the message. Secrets are revealed here, on their way to the caller, and nowhere else in this room.

import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { type TokenSet as TokenSetMessage, TokenSetSchema } from "../../gen/cambio/v1/token_pb.ts";
import type { Clock } from "../exchange/ports.ts";
import { type TokenSet, tokenTypes } from "../exchange/tokens.ts";

/** @param issuedTokenType what was asked for; by default an access token */
export function encodeTokenSet(tokens: TokenSet, clock: Clock, issuedTokenType: string = tokenTypes.accessToken): TokenSetMessage {
  const message = create(TokenSetSchema, {
    accessToken: tokens.accessToken.reveal(),
    tokenType: tokens.tokenType,
    expiresIn: secondsLeft(tokens, clock) ?? 0,
    refreshToken: tokens.refreshToken?.reveal() ?? "",
    idToken: tokens.idToken?.reveal() ?? "",
    scopes: [...(tokens.scopes ?? [])],
    issuedTokenType,
    issuer: tokens.issuer,
  });
  if (tokens.expiresAtMs !== undefined) message.expiresAt = timestampFromMs(tokens.expiresAtMs);
  return message;
}

/** Seconds until expiry, begun ones counted, never negative: milliseconds after 3600 was said it is still 3600. Undefined: it was not said. */
export function secondsLeft(tokens: TokenSet, clock: Clock): number | undefined {
  return tokens.expiresAtMs === undefined ? undefined : Math.max(0, Math.ceil((tokens.expiresAtMs - clock()) / 1000));
}
