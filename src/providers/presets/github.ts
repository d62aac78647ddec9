// GitHub's OAuth apps and GitHub apps (docs.github.com: Authorizing OAuth apps, Refreshing user access tokens, Troubleshooting OAuth app
// access token request errors, REST API for users). Scope `read:user`; a GitHub app has permissions in place of scopes.
//
// Its quirks: refusals come with status 200 and `error` in the body, in words of its own. Answers are forms unless JSON is asked for,
// and scopes have commas between them. The tokens of an OAuth app neither expire nor come with a refresh token; those of a GitHub app do
// both. The user's id is a number. `email` is the one that the user shows to everybody, or null, and nothing says that it was verified.
// A request without User-Agent is refused. Tokens are revoked by an API of its own and not by RFC 7009, so none is told from here.

import type { ProviderDefinition } from "../definition.ts";
import { oidc } from "./oidc.ts";

export const github: ProviderDefinition = {
  ...oidc,
  // As its metadata (RFC 8414) names it.
  issuer: "https://github.com/login/oauth",
  endpoints: {
    authorization: "https://github.com/login/oauth/authorize",
    token: "https://github.com/login/oauth/access_token",
    user: "https://api.github.com/user",
  },
  discovery: false,
  authentication: "post",
  answers: { commaScopes: true, partialRefresh: false, expiryInToken: false },
  errors: {
    objects: false,
    words: {
      bad_verification_code: "invalid_grant",
      bad_refresh_token: "invalid_grant",
      unverified_user_email: "access_denied",
      incorrect_client_credentials: "invalid_client",
    },
  },
  user: {
    kind: "endpoint",
    reading: {
      id: "id",
      idShape: "number",
      username: ["login"],
      displayName: ["name", "login"],
      email: ["email"],
      emailVerified: undefined,
      avatar: { kind: "address", members: ["avatar_url"] },
    },
  },
  accounts: true,
  accessTokens: "opaque",
};
