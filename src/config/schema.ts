// The shape of a configuration file, once: the check at start, the types and the editors' JSON Schema all come from here.
// What a value means to a room is that room's business; how files and environment are read stands in load.ts.

import { z } from "zod";
import { methods } from "../exchange/clients.ts";
import { Secret } from "../exchange/secret.ts";

const name = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/, "use 1 to 128 letters, digits, dots, dashes or underscores")
  .describe("A name of your choice.");

/** `10s`, `250ms`, `5m`, `1h` → milliseconds. */
function duration(minMs: number, maxMs: number) {
  return z
    .string()
    .regex(/^[0-9]+(ms|s|m|h)$/, "write a number and a unit, such as 250ms, 10s, 5m or 1h")
    .transform((text) => {
      const unit = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }[text.replace(/[0-9]+/, "") as "ms" | "s" | "m" | "h"];
      return Number.parseInt(text, 10) * unit;
    })
    .refine((ms) => ms >= minMs && ms <= maxMs, `must lie between ${minMs} ms and ${maxMs} ms`);
}

const secret = z
  .string()
  .min(1, "must not be empty")
  .max(4096)
  .transform((text) => new Secret(text));

const url = z.url({ protocol: /^https?$/, error: "write an absolute http or https address" });

const origin = z
  .string()
  .refine((text) => URL.canParse(text) && new URL(text).origin === text, "write scheme, host and port only, such as https://app.example.com");

/** An absolute URI without a fragment (RFC 6749 §3.1.2). */
const redirectUri = z
  .string()
  .max(2048)
  .refine((text) => URL.canParse(text) && !text.includes("#"), "write an absolute address without a fragment");

const scope = z.string().regex(/^[\x21\x23-\x5B\x5D-\x7E]{1,128}$/, "a scope is printable ASCII without spaces, quotes or backslashes");

const sealingKey = z.strictObject({
  id: name.describe("Name of the key; stands in what it seals."),
  key: secret.describe("32 bytes in base64url (43 characters). Make one with: openssl rand -base64 32 | tr '+/' '-_' | tr -d '='"),
});

const tokenRules = z.strictObject({
  algorithms: z
    .array(z.enum(["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"]))
    .min(1)
    .optional()
    .describe("Signature algorithms of access tokens. Default: RS256 and ES256."),
  header_types: z
    .array(z.string().min(1).max(64))
    .min(1)
    .optional()
    .describe("Accepted `typ` headers, without `application/`, any case. Default: at+jwt; for keycloak: JWT."),
  payload_type: z.string().min(1).max(64).optional().describe("Required `typ` in the payload. Default: none; for keycloak: Bearer."),
  client_claims: z
    .array(z.enum(["client_id", "azp"]))
    .min(1)
    .optional()
    .describe("Claims that name the client a token was issued to; each must be present, and all agree. Default: client_id; for keycloak: azp."),
  issuer_check: z.boolean().default(true).describe("false: `iss` is not compared for tokens sent with this provider's name. Its keys, audience and origin client still decide."),
  expiry_buffer: duration(0, 600_000).prefault("60s").describe("A token counts as expired this long before its `exp`."),
  clock_tolerance: duration(0, 300_000).prefault("30s").describe("How far `iat` and `nbf` may lie ahead. Never applied to `exp`."),
  max_lifetime: duration(60_000, 31 * 86_400_000).prefault("24h").describe("Tokens that live longer (exp − iat) are refused."),
  deny_key_ids: z.array(z.string().min(1).max(256)).default([]).describe("Key ids that are refused whatever the provider publishes."),
});

const provider = z.strictObject({
  kind: z.enum(["oidc", "keycloak"]).describe("oidc: any compliant provider. keycloak: the same with Keycloak's token types."),
  issuer: url.describe("The provider's issuer, byte for byte as it stands in `iss`."),
  back_channel_url: url.optional().describe("Where this service reaches the provider, if not at the issuer's address. Discovery is read from there; its `issuer` must still be the one above."),
  endpoints: z
    .strictObject({ authorization: url, token: url, jwks: url })
    .partial()
    .default({})
    .describe("Addresses that win over discovery. With all three, discovery is not read."),
  allowed_origins: z.array(origin).default([]).describe("Further origins that discovery may name endpoints on. Default: those of issuer, back channel and endpoints."),
  allow_http: z.boolean().default(false).describe("true: plain http beyond loopback. For closed networks only."),
  client: z
    .strictObject({
      id: z.string().min(1).max(256),
      secret: secret.optional(),
      authentication: z.enum(["basic", "post", "none"]).default("basic").describe("How this service proves itself at the token endpoint."),
    })
    .describe("This service's own registration at the provider."),
  pkce: z.enum(["S256", "none"]).default("S256"),
  timeout: duration(100, 60_000).prefault("10s").describe("Total time for one call to the provider."),
  tokens: tokenRules.prefault({}).describe("What an access token of this provider must look like."),
});

const audience = z.strictObject({
  accepts: z
    .record(
      name,
      z.strictObject({
        identifiers: z.array(z.string().min(1).max(2048)).min(1).describe("Values of `aud` that mean this audience; one must match byte for byte. The first is sent as `resource`."),
        clients: z.array(z.string().min(1).max(256)).describe("Clients of that provider whose tokens are accepted. Empty: none."),
      }),
    )
    .describe("By provider."),
});

const client = z.strictObject({
  kind: z.enum(["service", "browser", "native"]),
  secrets: z.array(secret).max(2).default([]).describe("Secrets of a service; two while one is being replaced. At least 16 characters each."),
  origins: z.array(origin).default([]).describe("Pages that a browser client calls from."),
  methods: z.array(z.enum(methods)).default([]).describe("RPCs that it may call. Empty: none."),
  providers: z
    .record(
      name,
      z.strictObject({
        redirect_uris: z.array(redirectUri).default([]),
        scopes: z.array(scope).default([]),
        audiences: z.array(name).default([]).describe("Audiences that it may ask tokens for."),
      }),
    )
    .default({})
    .describe("Providers that it may use. Empty: none."),
  audiences: z.array(name).default([]).describe("Its own audiences: it may validate tokens for these. The first is the default."),
  raw_refresh_tokens: z.boolean().optional().describe("true: it holds the provider's refresh tokens as they are. Default: services yes, others no."),
});

export const configurationSchema = z.strictObject({
  server: z
    .strictObject({
      host: z.string().min(1).default("127.0.0.1").describe("Address to listen on; 0.0.0.0 or :: for all."),
      port: z.int().min(0).max(65535).optional().describe("Port to listen on. Default: the environment's PORT, else 8080. 0: any free one."),
      tls: z.strictObject({ certificate_file: z.string(), key_file: z.string() }).optional().describe("PEM files. Without them the port speaks cleartext HTTP/1.1 and HTTP/2."),
      reflection: z.boolean().default(true).describe("gRPC server reflection."),
      deadline: duration(100, 120_000).prefault("15s").describe("Time limit for a call whose client sets none, and the upper limit for those that do."),
      drain: duration(0, 300_000).prefault("25s").describe("How long a stop waits for work in flight."),
    })
    .prefault({}),
  log: z.strictObject({ level: z.enum(["debug", "info", "warn", "error"]).default("info") }).prefault({}),
  sealing: z
    .strictObject({ keys: z.array(sealingKey).min(1).describe("The first seals, all of them open.") })
    .optional()
    .describe("Keys for refresh handles and cached values. Without it keys are made at start: one replica only, and handles end with the process."),
  redis: z
    .strictObject({ url: secret.describe("redis:// or rediss://") })
    .optional()
    .describe("Shared cache and one-time store. Default: the environment's REDIS_URL. Without either everything is kept in process: one replica only."),
  providers: z.record(name, provider),
  audiences: z.record(name, audience).default({}),
  clients: z.record(z.string().min(1).max(256), client),
  routes: z
    .strictObject({
      exchange: z
        .array(
          z.strictObject({
            path: z.string().regex(/^\/[A-Za-z0-9/_.-]+$/),
            client: z.string().describe("The public client that this route serves."),
            provider: name,
          }),
        )
        .default([])
        .describe("Plain HTTP routes that redeem an authorization code: JSON in, JSON out."),
    })
    .prefault({}),
});

/** A checked configuration. Durations are milliseconds. */
export type Configuration = z.output<typeof configurationSchema>;
export type ProviderConfiguration = Configuration["providers"][string];
export type ClientConfiguration = Configuration["clients"][string];
