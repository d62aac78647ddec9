// An exchange at a provider as bytes and back. The bytes hold the new token in clear: they are for sealing and for nothing else. As
// with a verification, decoding takes nothing on trust, and the key that it was made for travels inside.

import { z } from "zod";
import { Secret } from "../exchange/secret.ts";
import type { Exchanged } from "../exchange/token-exchange-ports.ts";
import type { KeptKind } from "./redis-tier.ts";
import { verificationShape, weighVerification } from "./verification-codec.ts";

const instant = z.int().nonnegative();

const shape = z.strictObject({
  key: z.string(),
  tokens: z.strictObject({
    accessToken: z.string(),
    tokenType: z.string(),
    expiresAtMs: instant,
    scopes: z.array(z.string()),
    issuer: z.string(),
    subject: z.string(),
  }),
  verification: verificationShape,
  validUntilMs: instant,
});

/** @param exchanged without a refresh token: one that has it is nobody else's, and is not remembered */
function encode(key: string, { tokens, verification, validUntilMs }: Exchanged): Uint8Array {
  const { accessToken, tokenType, expiresAtMs, scopes, issuer, subject } = tokens;
  const kept = { accessToken: accessToken.reveal(), tokenType, expiresAtMs, scopes, issuer, subject };
  return Buffer.from(JSON.stringify({ key, tokens: kept, verification, validUntilMs }));
}

function decode(key: string, bytes: Uint8Array): Exchanged | undefined {
  try {
    const value = shape.parse(JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString()));
    if (value.key !== key) return undefined;
    const { accessToken, ...rest } = value.tokens;
    return {
      tokens: { ...rest, accessToken: new Secret(accessToken), refreshToken: undefined, idToken: undefined },
      verification: value.verification,
      validUntilMs: value.validUntilMs,
    };
  } catch {
    return undefined;
  }
}

export const keptExchanges: KeptKind<Exchanged> = {
  prefix: "cambio:v1:exc:",
  // The longest token, what it says, and the seal.
  maxBytes: 48 * 1024,
  store: "exchanges",
  encode,
  decode,
};

export function weighExchange({ tokens, verification }: Exchanged): number {
  return tokens.accessToken.reveal().length + weighVerification(verification);
}
