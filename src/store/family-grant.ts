// What a family stands for, as bytes and back: a connection, or a session from which tokens are issued here. The bytes of a session hold
// it in clear: they are for sealing and for nothing else.

import { z } from "zod";
import { Secret } from "../exchange/secret.ts";
import type { ConnectionPointer, MintedTerms } from "../exchange/tokens.ts";

export type FamilyGrant = SessionGrant | PointerGrant;

export interface SessionGrant {
  readonly kind: "session";
  readonly session: Secret;
  readonly subject: string | undefined;
  readonly minted: MintedTerms;
}

/** The connection has the tokens, and what they stay within. */
export interface PointerGrant {
  readonly kind: "connection";
  readonly subject: string | undefined;
  readonly connection: ConnectionPointer;
}

const texts = z.array(z.string());
const shape = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("session"),
    session: z.string().transform((text) => new Secret(text)),
    subject: z.string().optional(),
    minted: z.strictObject({ audience: z.string(), scopes: texts, from: z.enum(["cookie", "message"]) }),
  }),
  z.strictObject({
    kind: z.literal("connection"),
    subject: z.string().optional(),
    connection: z.strictObject({ id: z.string(), generation: z.int() }),
  }),
]);

export function encodeFamilyGrant(grant: FamilyGrant): Uint8Array {
  return Buffer.from(JSON.stringify(grant.kind === "session" ? { ...grant, session: grant.session.reveal() } : grant));
}

/** Undefined: not such bytes. */
export function decodeFamilyGrant(bytes: Uint8Array): FamilyGrant | undefined {
  try {
    const { subject, ...grant } = shape.parse(JSON.parse(Buffer.from(bytes).toString()));
    return { ...grant, subject };
  } catch {
    return undefined;
  }
}
