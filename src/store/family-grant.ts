// What a family stands for, as bytes and back: a connection, or the provider's refresh token, who signed in, and the terms of an
// exchange. The bytes may hold a token in clear: they are for sealing and for nothing else.

import { z } from "zod";
import { Secret } from "../exchange/secret.ts";
import type { ConnectionPointer, ExchangeTerms, MintedTerms } from "../exchange/tokens.ts";

export interface FamilyGrant {
  /** Undefined: the connection has it. */
  readonly refreshToken: Secret | undefined;
  readonly subject: string | undefined;
  /** Undefined: it did not come out of an exchange. */
  readonly terms: ExchangeTerms | undefined;
  /** Undefined: this service did not issue its tokens. Else the refresh token is a session. */
  readonly minted?: MintedTerms | undefined;
  /** Undefined: what it stands for is kept here. */
  readonly connection?: ConnectionPointer | undefined;
}

const texts = z.array(z.string());
const actors = z.array(z.strictObject({ issuer: z.string(), subject: z.string(), clientId: z.string() }));
const terms = z.strictObject({ as: z.string(), audiences: texts, origin: z.string(), meantFor: texts, scopes: texts, actors });
const minted = z.strictObject({ audience: z.string(), scopes: texts, from: z.enum(["cookie", "message"]) });
const shape = z.strictObject({
  refreshToken: z.string().optional(),
  subject: z.string().optional(),
  terms: terms.optional(),
  minted: minted.optional(),
  connection: z.strictObject({ id: z.string(), generation: z.int() }).optional(),
});

export function encodeFamilyGrant({ refreshToken, ...rest }: FamilyGrant): Uint8Array {
  return Buffer.from(JSON.stringify({ refreshToken: refreshToken?.reveal(), ...rest }));
}

/** Undefined: not such bytes. */
export function decodeFamilyGrant(bytes: Uint8Array): FamilyGrant | undefined {
  try {
    const { refreshToken, subject, terms: agreed, minted: own, connection } = shape.parse(JSON.parse(Buffer.from(bytes).toString()));
    // It stands for one thing.
    if ((refreshToken === undefined) === (connection === undefined)) return undefined;
    return {
      refreshToken: refreshToken === undefined ? undefined : new Secret(refreshToken),
      subject,
      terms: agreed,
      minted: own,
      connection,
    };
  } catch {
    return undefined;
  }
}
