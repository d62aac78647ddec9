// What a provider said of a user, as bytes and back, for the sealed column of an account. Whose it is stands in the row, which the
// seal binds: the bytes do not say it a second time.

import { z } from "zod";
import type { Account } from "../exchange/account.ts";

export type AccountUser = Omit<Account, "providerUserId">;

/** Characters of one attribute. They only inform: one that is longer counts as not known. */
const maxTextLength = 2_048;

const text = z.string().max(maxTextLength);
const shape = z.strictObject({ username: text, displayName: text, email: text, emailVerified: z.boolean(), avatarUrl: text });

/** Of nobody is more known than that they exist. */
export const unknownUser: AccountUser = { username: "", displayName: "", email: "", emailVerified: false, avatarUrl: "" };

/** As it will be read again. */
export function boundedUser({ username, displayName, email, emailVerified, avatarUrl }: Account): AccountUser {
  const address = bounded(email);
  return {
    username: bounded(username),
    displayName: bounded(displayName),
    email: address,
    emailVerified: emailVerified && address !== "",
    avatarUrl: bounded(avatarUrl),
  };
}

export function encodeAccountUser(user: AccountUser): Uint8Array {
  return Buffer.from(JSON.stringify(user));
}

/** Undefined: not such bytes. */
export function decodeAccountUser(bytes: Uint8Array): AccountUser | undefined {
  try {
    return shape.parse(JSON.parse(Buffer.from(bytes).toString()));
  } catch {
    return undefined;
  }
}

function bounded(value: string): string {
  return value.length <= maxTextLength ? value : "";
}
