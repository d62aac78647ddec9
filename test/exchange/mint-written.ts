// A configuration with tokens that are issued here, written down as a file would have it: sessions of `site`, tokens of `main`, three
// audiences that get tokens from them, and who may act for whom. Rigs read it by its schema; tests change it before that.

export const ownIssuer = "https://cambio.example.com";
export const mainIssuer = "https://login.example.com";
export const siteIssuer = "https://app.example.com";
export const backendIdentifier = "https://backend.example.com";
export const stockIdentifier = "https://stock.example.com";

/** As a file would have it; what tests change. */
export type Written = ReturnType<typeof written>;

export function written() {
  return {
    server: { issuer: ownIssuer },
    providers: {
      site: { kind: "better-auth", issuer: siteIssuer, impersonation: "act", subject_prefix: "site:" } as Record<string, unknown>,
      main: { kind: "oidc", issuer: mainIssuer, client: { id: "cambio", secret: "unused" }, subject_prefix: "main:" } as Record<
        string,
        unknown
      >,
    },
    audiences: {
      orders: { accepts: { main: { identifiers: ["urn:orders"], clients: ["web", "agent"] } } } as Record<string, unknown>,
      backend: {
        accepts: { cambio: { identifiers: [backendIdentifier], clients: ["shop", "orders"] } },
        mint: {
          lifetime: "15m",
          from: {
            site: { scopes: ["read"], claims: { name: "name", mail: "email", seen: "email_verified" } },
            main: { scopes: [], scope_map: { "o.read": ["read"], "o.write": ["write", "read"] }, claims: { name: "name" } },
          } as Record<string, unknown>,
          actors: [{ provider: "main", clients: ["agent"], for: ["site", "main"] }] as unknown[],
        } as Record<string, unknown>,
      },
      stock: {
        accepts: { cambio: { identifiers: [stockIdentifier], clients: ["orders"] } },
        mint: {
          lifetime: "5m",
          from: { cambio: {}, main: { scope_map: { "o.read": ["read"] } } } as Record<string, unknown>,
          actors: [{ provider: "main", clients: ["agent"], for: ["cambio"] }] as unknown[],
        } as Record<string, unknown>,
      },
      legacy: {
        accepts: {},
        mint: { algorithm: "HS256", secret: "0123456789abcdef0123456789abcdef", from: { site: {}, main: {} } } as Record<string, unknown>,
      },
    },
    clients: {
      shop: {
        kind: "browser",
        origins: ["https://app.example.com"],
        methods: ["Exchange", "Refresh"],
        audiences: ["orders"],
        providers: {
          site: { audiences: ["backend", "legacy"], scopes: ["read"], exchanged_refresh_tokens: true } as Record<string, unknown>,
        } as Record<string, Record<string, unknown>>,
      } as Record<string, unknown> & { providers: Record<string, Record<string, unknown>> },
      orders: {
        kind: "service",
        secrets: ["orders-secret-0123"],
        methods: ["Exchange", "ValidateCrossClient"],
        audiences: ["orders", "backend", "stock"],
        providers: {
          main: { audiences: ["backend", "stock", "legacy"], scopes: ["read", "write"] },
          site: { audiences: ["backend"], scopes: ["read"] },
          cambio: { audiences: ["stock"], scopes: ["read", "write"] },
        },
      } as Record<string, unknown> & { providers: Record<string, Record<string, unknown>> },
    },
  };
}
