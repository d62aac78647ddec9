// Discord's OAuth 2.0 (docs.discord.com: OAuth2, User Resource, Rate Limits, Image Formatting). Scopes `identify` and, for the
// address, `email`.
//
// Its quirks: bodies are forms and nothing else. Codes live some 100 s, access tokens a week; each refresh ends the refresh token that was
// shown. Revoking any token ends the user's whole authorization. The id is a snowflake in a text and the only thing about a user that
// stays; user names are not unique for ever, and an address counts only with `verified`. A 429 says in its body how long to wait, in
// seconds with a fraction. 10,000 answers of 401, 403 or 429 within ten minutes ban the address that asks: a token that was refused
// once is not to be shown again.

import type { ProviderDefinition } from "../definition.ts";
import { oidc } from "./oidc.ts";

const images = "https://cdn.discordapp.com";

/** Animated pictures have hashes that begin with `a_`; as a PNG they stand still. */
const avatarHash = /^(a_)?[0-9a-f]{32}$/;

/** Without a picture of their own users have one of six, by the time at which they came (the upper bits of the snowflake). */
function avatarAddress(id: string, hash: string): string {
  if (avatarHash.test(hash)) return `${images}/avatars/${id}/${hash}.png`;
  return `${images}/embed/avatars/${(BigInt(id) >> 22n) % 6n}.png`;
}

export const discord: ProviderDefinition = {
  ...oidc,
  issuer: "https://discord.com",
  endpoints: {
    authorization: "https://discord.com/oauth2/authorize",
    token: "https://discord.com/api/oauth2/token",
    revocation: "https://discord.com/api/oauth2/token/revoke",
    user: "https://discord.com/api/users/@me",
  },
  discovery: false,
  authentication: "post",
  rateLimit: "retry_after",
  user: {
    kind: "endpoint",
    reading: {
      id: "id",
      idShape: "digits",
      username: ["username"],
      // Null: they never chose one.
      displayName: ["global_name", "username"],
      email: ["email"],
      emailVerified: "verified",
      avatar: { kind: "hash", member: "avatar", address: avatarAddress },
    },
  },
  accounts: true,
  accessTokens: "opaque",
};
