// Google (developers.google.com/identity: OpenID Connect; OAuth 2.0 for web server applications). Its addresses are discovered; they lie
// on origins other than its issuer's.
//
// Its quirks: without `access_type=offline` there is no refresh token, and with it there is one at the first consent only; to have one
// at each sign-in add `prompt: consent`. A refresh does not rotate: its answer has no refresh token, and the old one stays. Access
// tokens are opaque. `email_verified` is about the address, while only `sub` stays with a user.

import type { ProviderDefinition } from "../definition.ts";
import { oidc } from "./oidc.ts";

export const google: ProviderDefinition = {
  ...oidc,
  issuer: "https://accounts.google.com",
  allowedOrigins: ["https://oauth2.googleapis.com", "https://www.googleapis.com", "https://openidconnect.googleapis.com"],
  authentication: "post",
  authorizationParameters: { access_type: "offline" },
  accounts: true,
  accessTokens: "opaque",
};
