// What tests of tokens that are issued here start from: the committed example with all that such tokens can have, free of mistakes.

/** The example, and `backend` that gets tokens which are issued here for users of `site` and for tokens of `main`. */
export const good = {
  "server/issuer": "https://cambio.example.com",
  "database/file": "cambio.sqlite",
  signing: {},
  "providers/site": { kind: "better-auth", issuer: "https://app.example.com", subject_prefix: "site:" },
  "providers/main/subject_prefix": "main:",
  "audiences/backend": {
    accepts: { cambio: { identifiers: ["urn:backend"], clients: ["page"] } },
    mint: {
      from: {
        site: { scopes: ["read"], claims: { name: "name", mail: "email", seen: "email_verified", face: "picture" } },
        main: { scope_map: { "o.read": ["read"] }, claims: { name: "name" } },
        cambio: { claims: { name: "name" } },
      },
      actors: [{ provider: "main", clients: ["agent"], for: ["site", "main", "cambio"] }],
    },
  },
  "clients/page": {
    kind: "browser",
    origins: ["https://app.example.com"],
    methods: ["Exchange", "Refresh", "Revoke"],
    refresh_cookie: "__Secure-cambio-refresh",
    providers: { site: { audiences: ["backend"], scopes: ["read"], exchanged_refresh_tokens: true } },
  },
  "routes/backend_token": [{ path: "/api/auth/backend-token", client: "page", provider: "site", audience: "backend" }],
};
/** A copy: what is changed inside stays in it. */
export const changed = (changes: Readonly<Record<string, unknown>>) => structuredClone({ ...good, ...changes });
