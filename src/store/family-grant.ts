// What a family stands for, as bytes and back: the provider's refresh token and who signed in. The bytes hold the token in clear:
// they are for sealing and for nothing else.

import { z } from "zod";
import { Secret } from "../exchange/secret.ts";

export interface FamilyGrant {
  readonly refreshToken: Secret;
  readonly subject: string | undefined;
}

const shape = z.strictObject({ refreshToken: z.string(), subject: z.string().optional() });

export function encodeFamilyGrant({ refreshToken, subject }: FamilyGrant): Uint8Array {
  return Buffer.from(JSON.stringify({ refreshToken: refreshToken.reveal(), subject }));
}

/** Undefined: not such bytes. */
export function decodeFamilyGrant(bytes: Uint8Array): FamilyGrant | undefined {
  try {
    const { refreshToken, subject } = shape.parse(JSON.parse(Buffer.from(bytes).toString()));
    return { refreshToken: new Secret(refreshToken), subject };
  } catch {
    return undefined;
  }
}
