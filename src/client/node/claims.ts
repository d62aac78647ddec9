// What Cambio says of a token, as handlers get it. A value of this type exists only where Cambio called the token valid.

import { timestampDate } from "@bufbuild/protobuf/wkt";
import type { TokenClaims as TokenClaimsMessage } from "../../../gen/cambio/v1/token_pb.ts";

export interface Actor {
  /** Empty: the issuer of the token. */
  readonly issuer: string;
  readonly subject: string;
  /** Empty: not in the token. */
  readonly clientId: string;
}

/** Empty strings: not in the token. */
export interface TokenClaims {
  readonly issuer: string;
  readonly subject: string;
  /** The client that the token was issued to. */
  readonly clientId: string;
  readonly audiences: readonly string[];
  readonly scopes: readonly string[];
  /** Undefined: not said. */
  readonly issuedAt: Date | undefined;
  readonly expiresAt: Date;
  readonly tokenId: string;
  /** Who acts for the subject, outermost first. Empty: nobody. */
  readonly actors: readonly Actor[];
  readonly name: string;
  readonly preferredUsername: string;
  readonly email: string;
}

/** New values each time: what a handler does to its own reaches no other. Undefined: not what a valid token has. */
export function readClaims(message: TokenClaimsMessage | undefined): TokenClaims | undefined {
  if (message?.expiresAt === undefined || message.subject === "" || message.issuer === "") return undefined;
  const { issuer, subject, clientId, tokenId, name, preferredUsername, email } = message;
  return {
    issuer,
    subject,
    clientId,
    audiences: [...message.audiences],
    scopes: [...message.scopes],
    issuedAt: message.issuedAt && timestampDate(message.issuedAt),
    expiresAt: timestampDate(message.expiresAt),
    tokenId,
    actors: message.actors.map((actor) => ({ issuer: actor.issuer, subject: actor.subject, clientId: actor.clientId })),
    name,
    preferredUsername,
    email,
  };
}
