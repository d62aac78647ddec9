// Whose a session, a sign-in or an access token is, as the provider says it just now. What of it goes into a token is decided by an
// explicit map (minting.ts).

import { isText } from "./token/claim-shapes.ts";
import type { JsonObject, JsonValue } from "./token/strict-json.ts";

/** Empty strings: not known. */
export interface Account {
  /** The provider's own id of the user, the only attribute that never changes. */
  readonly providerUserId: string;
  /** Unique at the provider, where it has such names. */
  readonly username: string;
  readonly displayName: string;
  readonly email: string;
  /** The provider has seen that the address is the user's. */
  readonly emailVerified: boolean;
  readonly avatarUrl: string;
}

/** An account, and what it is called here. */
export interface OwnedAccount {
  readonly account: Account;
  /** `sub` of tokens that are issued here for it. */
  readonly subject: string;
  /** Configured name. */
  readonly provider: string;
}

/** Characters of what only informs. Some applications keep whole images in their place: such a one counts as not known. */
const maxTextLength = 2_048;

export function informing(value: JsonValue | undefined): string {
  return isText(value) && value.length <= maxTextLength ? value : "";
}

/** Pages put it where a script could stand. */
export function informingAddress(value: JsonValue | undefined): string {
  const text = informing(value);
  return /^https?:\/\//i.test(text) && URL.canParse(text) ? text : "";
}

/** The claims of a verified ID token (OpenID Connect Core §5.1). */
export function accountOfClaims(subject: string, claims: JsonObject): Account {
  return {
    providerUserId: subject,
    username: informing(claims["preferred_username"]),
    displayName: informing(claims["name"]),
    email: informing(claims["email"]),
    emailVerified: claims["email_verified"] === true,
    avatarUrl: informingAddress(claims["picture"]),
  };
}
