// The answer that made a generation, as bytes and back, for those who show its predecessor once more. The refresh token is left
// out: what a client gets in its place is written anew from the row. The bytes hold tokens in clear: they are for sealing only.

import { z } from "zod";
import { Secret } from "../exchange/secret.ts";
import type { TokenSet } from "../exchange/tokens.ts";

const secret = z.string().transform((text) => new Secret(text));

const shape = z.strictObject({
  accessToken: secret,
  tokenType: z.string(),
  expiresAtMs: z.int().optional(),
  idToken: secret.optional(),
  scopes: z.array(z.string()).optional(),
  issuer: z.string(),
  subject: z.string().optional(),
});

/** At most about 64 KiB: each token is held against its bound where a provider's answer is read. */
export function encodeFamilyAnswer(tokens: TokenSet): Uint8Array {
  const { accessToken, tokenType, expiresAtMs, idToken, scopes, issuer, subject } = tokens;
  const texts = { accessToken: accessToken.reveal(), idToken: idToken?.reveal() };
  return Buffer.from(JSON.stringify({ ...texts, tokenType, expiresAtMs, scopes, issuer, subject }));
}

/** Without its refresh token; undefined: not such bytes. */
export function decodeFamilyAnswer(bytes: Uint8Array): TokenSet | undefined {
  try {
    const { subject, ...tokens } = shape.parse(JSON.parse(Buffer.from(bytes).toString()));
    return {
      accessToken: tokens.accessToken,
      tokenType: tokens.tokenType,
      expiresAtMs: tokens.expiresAtMs,
      refreshToken: undefined,
      idToken: tokens.idToken,
      scopes: tokens.scopes,
      issuer: tokens.issuer,
      ...(subject === undefined ? {} : { subject }),
    };
  } catch {
    return undefined;
  }
}
