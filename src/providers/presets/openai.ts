// OpenAI's sign-in, as its own command-line client does it (its source, github.com/openai/codex, codex-rs/login). A public client: it has
// no secret, and PKCE proves it. For the client id that OpenAI ships only http://localhost:1455/auth/callback and the same on port 1457
// are registered.
//
// Its quirks: a code is redeemed with a form, a refresh and a revocation are JSON. An answer to a refresh may lack any of the three
// tokens, and what is missing stays in force. Answers need not say `token_type` or `expires_in`; the access token is a JWT that says when
// it expires. `error` is a word or an object with a `code`. Any 401 to a refresh is final, as are the three words below; the refresh
// token is single-use. Access tokens are for OpenAI's own API (`aud` https://api.openai.com/v1), so nothing here accepts them.

import type { ProviderDefinition } from "../definition.ts";
import { oidc } from "./oidc.ts";

export const openai: ProviderDefinition = {
  ...oidc,
  issuer: "https://auth.openai.com",
  endpoints: {
    authorization: "https://auth.openai.com/oauth/authorize",
    token: "https://auth.openai.com/oauth/token",
    revocation: "https://auth.openai.com/oauth/revoke",
    jwks: "https://auth.openai.com/.well-known/jwks.json",
  },
  discovery: false,
  authentication: "none",
  requests: { code: "form", refresh: "json", revocation: "json" },
  answers: { tokenTypeDefault: "Bearer", commaScopes: false, partialRefresh: true, expiryInToken: true },
  errors: { objects: true, words: {} },
  refresh: {
    lostAnswer: "reauthenticate",
    terminalErrors: ["refresh_token_expired", "refresh_token_reused", "refresh_token_invalidated"],
    terminalStatuses: [401],
  },
  accounts: true,
  accessTokens: "opaque",
};
