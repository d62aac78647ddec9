// Any provider that follows OAuth 2.0 and OpenID Connect by the book, and what the other definitions differ from: RFC 6749 for requests
// and answers, RFC 7636 for PKCE, OpenID Connect Discovery 1.0 for its addresses, RFC 9068 for access tokens, RFC 8707 for recipients.

import type { AccessTokenShape, ProviderDefinition } from "../definition.ts";

export const rfc9068: AccessTokenShape = { headerTypes: ["at+jwt"], payloadType: undefined, clientClaims: ["client_id"] };

export const oidc: ProviderDefinition = {
  endpoints: {},
  discovery: true,
  allowedOrigins: [],
  authentication: "basic",
  pkce: "S256",
  authorizationParameters: {},
  requests: { code: "form", refresh: "form", revocation: "form" },
  codeState: false,
  answers: { commaScopes: false, partialRefresh: false, expiryInToken: false },
  errors: { objects: false, words: {} },
  refresh: { lostAnswer: "reauthenticate", terminalErrors: [], terminalStatuses: [] },
  user: { kind: "id_token" },
  accounts: false,
  accessTokens: rfc9068,
  targetParameter: "resource",
  // By the book its descriptions are for people (RFC 6749 §5.2).
  refusalWords: { known: [] },
};
