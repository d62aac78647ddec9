// What a provider that is broken, or not ours any more, would answer: well-formed, with status 200, and wrong.

export interface Lie {
  /** Claims of the access token over the true ones; undefined takes one away. */
  readonly claims?: Readonly<Record<string, unknown>>;
  /** Members of the answer over the true ones; undefined takes one away. */
  readonly answer?: Readonly<Record<string, unknown>>;
  /** An access token that says nothing. */
  readonly opaque?: boolean;
  /** Signed by a key that has the id of the realm's, and is not it. */
  readonly byStranger?: boolean;
}

const farFuture = 4_102_444_800;

/** Lies that an answer to an exchange or a refresh may hold, by what they are about. */
export const exchangeLies = {
  "another subject": { claims: { sub: "00000000-0000-0000-0000-00000000dead" } },
  "no subject": { claims: { sub: undefined } },
  "a wider scope": { claims: { scope: "orders:read orders:write admin" }, answer: { scope: "orders:read orders:write admin" } },
  "a wider scope in the token alone": { claims: { scope: "orders:read orders:write admin" } },
  "a foreign audience": { claims: { aud: "payroll" } },
  "one audience too many": { claims: { aud: ["inventory", "payroll"] } },
  "no audience": { claims: { aud: undefined } },
  "an empty audience": { claims: { aud: [] } },
  "a longer life": { claims: { exp: farFuture } },
  "a longer life, said outside": { answer: { expires_in: 31_536_000 } },
  "no end": { claims: { exp: undefined } },
  "another issuer": { claims: { iss: "https://elsewhere.example/realms/corp" } },
  "another client": { claims: { azp: "storefront" } },
  "a token of another kind": { claims: { typ: "ID" } },
  "another token type": { answer: { token_type: "DPoP" } },
  "no token type": { answer: { token_type: undefined } },
  "an opaque token": { opaque: true },
  "a stranger's signature": { byStranger: true },
  "no issued token type": { answer: { issued_token_type: undefined } },
  "another issued token type": { answer: { issued_token_type: "urn:ietf:params:oauth:token-type:refresh_token" } },
  "an error in a success": { answer: { error: "invalid_request", error_description: "Invalid token" } },
  "no token": { answer: { access_token: undefined } },
  "a refresh token that nobody asked for": { answer: { refresh_token: "unasked" } },
} as const satisfies Readonly<Record<string, Lie>>;

/** The same about introspection. */
export const introspectionLies = {
  "active as text": { answer: { active: "true" } },
  "no word on whether it is active": { answer: { active: undefined } },
  "another subject": { answer: { sub: "00000000-0000-0000-0000-00000000dead" } },
  "another issuer": { answer: { iss: "https://elsewhere.example/realms/corp" } },
  "another client": { answer: { client_id: "payroll", azp: "payroll" } },
  "a foreign audience": { answer: { aud: ["payroll"] } },
  "a wider scope": { answer: { scope: "orders:read orders:write admin" } },
  "a longer life": { answer: { exp: farFuture } },
  "an end in the past": { answer: { exp: 1 } },
} as const satisfies Readonly<Record<string, Lie>>;
