// What a connection stands for, as bytes and back: the provider's refresh token, who signed in, the terms of an exchange, and by what its
// client is answered. The bytes hold the token in clear: they are for sealing and for nothing else.

import { z } from "zod";
import { Secret } from "../exchange/secret.ts";
import type { ConnectionIssue, ExchangeTerms } from "../exchange/tokens.ts";

export interface ConnectionGrant {
  /** Which sign-in it is, random: no refresh changes it, so that whoever tries again to keep one finds that it was kept. */
  readonly signIn: string;
  /** Who gave its tokens. A provider's name may be another one's after a change of the configuration: they are shown to nobody else. */
  readonly issuer: string;
  /** Undefined: the provider gave none. */
  readonly refreshToken: Secret | undefined;
  readonly subject: string | undefined;
  /** Undefined: it did not come out of an exchange. */
  readonly terms: ExchangeTerms | undefined;
  /** Undefined: by the provider's tokens. */
  readonly issue: ConnectionIssue | undefined;
}

const texts = z.array(z.string());
const actors = z.array(z.strictObject({ issuer: z.string(), subject: z.string(), clientId: z.string() }));
const shape = z.strictObject({
  signIn: z.string(),
  issuer: z.string(),
  refreshToken: z.string().optional(),
  subject: z.string().optional(),
  terms: z.strictObject({ as: z.string(), audiences: texts, origin: z.string(), meantFor: texts, scopes: texts, actors }).optional(),
  issue: z.strictObject({ audience: z.string(), scopes: texts }).optional(),
});

export function encodeConnectionGrant({ refreshToken, ...rest }: ConnectionGrant): Uint8Array {
  return Buffer.from(JSON.stringify({ refreshToken: refreshToken?.reveal(), ...rest }));
}

/** Undefined: not such bytes. */
export function decodeConnectionGrant(bytes: Uint8Array): ConnectionGrant | undefined {
  try {
    const { refreshToken, ...rest } = shape.parse(JSON.parse(Buffer.from(bytes).toString()));
    const { signIn, issuer, subject, terms, issue } = rest;
    return { signIn, issuer, refreshToken: refreshToken === undefined ? undefined : new Secret(refreshToken), subject, terms, issue };
  } catch {
    return undefined;
  }
}

/** @param issuer of whoever has the provider's name now; undefined: nobody has it. @returns undefined: there is nothing for that one to hear */
export function tokenToTell(grant: ConnectionGrant | undefined, issuer: string | undefined): Secret | undefined {
  return issuer === undefined || grant?.issuer === issuer ? grant?.refreshToken : undefined;
}
