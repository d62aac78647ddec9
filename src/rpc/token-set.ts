// Domain tokens → the message. Secrets are revealed here, on their way to the caller, and nowhere else in this room.

import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { type TokenSet as TokenSetMessage, TokenSetSchema } from "../../gen/cambio/v1/token_pb.ts";
import type { Clock } from "../exchange/ports.ts";
import { type TokenSet, tokenTypes } from "../exchange/tokens.ts";

export interface Encoding {
  /** What was asked for. Default: an access token. */
  readonly issuedType?: string;
  /** They were issued here, just now or a moment ago. Default: a provider issued them. */
  readonly ours?: boolean;
}

export function encodeTokenSet(tokens: TokenSet, clock: Clock, { issuedType, ours = false }: Encoding = {}): TokenSetMessage {
  const message = create(TokenSetSchema, {
    accessToken: tokens.accessToken.reveal(),
    tokenType: tokens.tokenType,
    expiresIn: (ours ? begunSecondsLeft : secondsLeft)(tokens, clock) ?? 0,
    refreshToken: tokens.refreshToken?.reveal() ?? "",
    idToken: tokens.idToken?.reveal() ?? "",
    scopes: [...(tokens.scopes ?? [])],
    issuedTokenType: issuedType ?? tokenTypes.accessToken,
    issuer: tokens.issuer,
  });
  if (tokens.expiresAtMs !== undefined) message.expiresAt = timestampFromMs(tokens.expiresAtMs);
  return message;
}

/** Seconds until expiry to the nearest, never negative: milliseconds after the provider said 3600 it is still 3600. Undefined: it does not say. */
export function secondsLeft(tokens: TokenSet, clock: Clock): number | undefined {
  return tokens.expiresAtMs === undefined ? undefined : Math.max(0, Math.round((tokens.expiresAtMs - clock()) / 1000));
}

/** Begun ones counted: `iat` and `exp` are whole seconds, so that a token of 900 seconds has up to one less, and is called what it is. */
export function begunSecondsLeft(tokens: TokenSet, clock: Clock): number | undefined {
  return tokens.expiresAtMs === undefined ? undefined : Math.max(0, Math.ceil((tokens.expiresAtMs - clock()) / 1000));
}
