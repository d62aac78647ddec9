// The shape of a configuration file, once: the check at start, the types and the editors' JSON Schema all come from here.
// Scalars are in fields.ts, what keys demand of each other in rules.ts, how files and environment are read in load.ts.

import { z } from "zod";
import { methods, reportableRules } from "../exchange/clients.ts";
import { completeClient, completeDatabase, completeProvider } from "./defaults.ts";
import {
  certificateName,
  clientId,
  databaseUrl,
  duration,
  filePath,
  issuer,
  jwks,
  name,
  network,
  origin,
  redirectUri,
  redisUrl,
  routePath,
  scope,
  sealingKey,
  secret,
  url,
} from "./fields.ts";

const server = z.strictObject({
  host: z.string().min(1).max(255).default("127.0.0.1").describe("Address to listen on; 0.0.0.0 or :: for all."),
  port: z
    .int()
    .min(0)
    .max(65535)
    .default(8080)
    .describe("Port to listen on; 0 takes any free one. If it is not given, the environment's PORT counts."),
  issuer: issuer
    .optional()
    .describe("This service's own name: what the `aud` of assertions must be, byte for byte. Needed where a client has assertions."),
  tls: z
    .strictObject({
      certificate_file: filePath.describe("The certificate and its chain, PEM."),
      key_file: filePath.describe("Its private key, PEM."),
      client_ca_file: filePath
        .optional()
        .describe(
          "Certificates of the CA that vouches for clients, PEM. With it clients may prove themselves by a certificate (mutual TLS).",
        ),
    })
    .optional()
    .describe("Without it the port speaks cleartext HTTP/1.1 and HTTP/2."),
  trusted_proxies: z
    .array(network)
    .max(64)
    .default([])
    .describe("Addresses of proxies whose X-Forwarded-For is believed, such as 10.0.0.0/8. Empty: it is not read."),
  reflection: z.boolean().default(true).describe("gRPC server reflection, so that tools need no schema at hand."),
  deadline: duration("100ms", "2m")
    .prefault("15s")
    .describe("Time limit for a call whose client sets none, and the upper limit for those that do."),
  drain: duration("0s", "5m").prefault("25s").describe("How long a stop waits for work in flight."),
});

const namedSealingKey = z.strictObject({
  id: name.describe("Name of the key. It stands in whatever the key seals, so give a new key a new name."),
  key: sealingKey.describe(
    "32 random bytes in base64url (43 characters). Make one with: openssl rand -base64 32 | tr '+/' '-_' | tr -d '='",
  ),
});

const algorithm = z.enum(["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"]);

const tokenRules = z.strictObject({
  algorithms: z.array(algorithm).min(1).max(16).optional().describe("Accepted signature algorithms. Default: RS256 and ES256."),
  header_types: z
    .array(z.string().min(1).max(64))
    .min(1)
    .max(8)
    .optional()
    .describe("Accepted `typ` headers, without `application/`, in any case. Default: at+jwt; for keycloak: JWT."),
  payload_type: z.string().min(1).max(64).optional().describe("Required `typ` in the payload. Default: none; for keycloak: Bearer."),
  client_claims: z
    .array(z.enum(["client_id", "azp"]))
    .min(1)
    .max(2)
    .optional()
    .describe(
      "Claims that name the client a token was issued to; each must be present, and all agree. Default: client_id; for keycloak: azp.",
    ),
  issuer_check: z
    .boolean()
    .default(true)
    .describe(
      "false: `iss` is not compared for tokens sent with this provider's name; its keys, audience and origin client still decide, and answers name the issuer configured here.",
    ),
  expiry_buffer: duration("0s", "10m").prefault("60s").describe("A token counts as expired this long before its `exp`."),
  clock_tolerance: duration("0s", "5m").prefault("30s").describe("How far `iat` and `nbf` may lie ahead. Never applied to `exp`."),
  max_lifetime: duration("1m", "744h").prefault("24h").describe("Tokens that live longer (`exp` − `iat`) are refused."),
  deny_kids: z.array(z.string().min(1).max(256)).max(64).default([]).describe("Key ids that are refused whatever the provider publishes."),
});

const providerClient = z.strictObject({
  id: z.string().min(1).max(256).describe("Client id that the provider gave to this service."),
  secret: secret.optional().describe("Its secret; not with authentication none."),
  authentication: z.enum(["basic", "post", "none"]).default("basic").describe("How this service proves itself at the token endpoint."),
});

const provider = z
  .strictObject({
    kind: z.enum(["oidc", "keycloak"]).describe("oidc: any compliant provider. keycloak: the same with Keycloak's token types."),
    issuer: issuer.describe("The provider's issuer, byte for byte as it stands in `iss`."),
    back_channel_url: url
      .optional()
      .describe(
        "Where this service reaches the provider, if not at the issuer's address. Discovery is read from there; the issuer in it must still be the one above.",
      ),
    endpoints: z
      .strictObject({
        authorization: url.describe("Where users sign in."),
        token: url.describe("Where codes and refresh tokens are redeemed; the only address that sees the client secret."),
        jwks: url.describe("Where the provider's keys are."),
        revocation: url.describe("Where tokens are revoked (RFC 7009)."),
      })
      .partial()
      .default({})
      .describe("Addresses that win over discovery. With authorization, token and jwks it is not read: then give revocation too."),
    allowed_origins: z
      .array(origin)
      .max(16)
      .default([])
      .describe("Further origins that discovery may name endpoints on, besides those of issuer, back channel and endpoints."),
    allow_http: z.boolean().default(false).describe("true: plain http beyond loopback. For closed networks only."),
    client: providerClient.describe("This service's own registration at the provider."),
    pkce: z.enum(["S256", "none"]).default("S256").describe("none: only for a provider or an application that cannot do PKCE."),
    timeout: duration("100ms", "1m").prefault("10s").describe("Total time for one call to the provider."),
    tokens: tokenRules.prefault({}).describe("What an access token of this provider must look like."),
  })
  .transform(completeProvider);

const audience = z.strictObject({
  accepts: z
    .record(
      name,
      z.strictObject({
        identifiers: z
          .array(z.string().min(1).max(2048))
          .min(1)
          .max(64)
          .describe("Values of `aud` that mean this audience; one must match byte for byte. The first is sent as `resource`."),
        clients: z.array(z.string().min(1).max(256)).max(1024).describe("Clients of that provider whose tokens are accepted. Empty: none."),
        report_only: z
          .boolean()
          .default(false)
          .describe("true: tokens of other clients are accepted too, and each is reported in log and audit trail. For trying a list out."),
      }),
    )
    .describe("What it accepts, by provider."),
});

const assertions = z.strictObject({
  jwks: jwks.describe("Its public keys as a JSON Web Key Set; several while one is being replaced."),
  algorithms: z
    .array(algorithm)
    .min(1)
    .max(16)
    .default(["ES256", "EdDSA", "Ed25519", "RS256", "PS256"])
    .describe("Accepted signature algorithms."),
});

const workload = z.strictObject({
  issuer: name.describe("One of workload_issuers."),
  subject: z
    .string()
    .min(1)
    .max(512)
    .describe("The `sub`, byte for byte: system:serviceaccount:shop:orders for a Kubernetes service account."),
  audience: z.string().min(1).max(2048).describe("The `aud` that its tokens must have, byte for byte."),
});

const workloadIssuer = z.strictObject({
  issuer: issuer.describe("Byte for byte as it stands in `iss`."),
  jwks_url: url.optional().describe("Where its keys are. Give this or jwks."),
  jwks: jwks.optional().describe("Its public keys as a JSON Web Key Set. Give this or jwks_url."),
  algorithms: z.array(algorithm).min(1).max(16).default(["RS256", "ES256"]).describe("Accepted signature algorithms."),
  allow_http: z.boolean().default(false).describe("true: plain http beyond loopback. For closed networks only."),
  timeout: duration("100ms", "1m").prefault("5s").describe("Total time for fetching its keys."),
});

const client = z
  .strictObject({
    disabled: z.boolean().default(false).describe("true: refused on every path, whatever else is listed."),
    kind: z
      .enum(["service", "browser", "native"])
      .describe(
        "service: proves itself by a secret, an assertion, a workload token or a certificate. browser: public, on listed origins. native: public, without an origin (command line, mobile).",
      ),
    secrets: z
      .array(secret)
      .max(2)
      .default([])
      .describe(
        "Secrets of a service, at least 16 characters each; two while one is being replaced. Make one with: openssl rand -hex 32. Callers send id and secret form-encoded (RFC 6749 section 2.3.1): many forget it, so choose one without + and %.",
      ),
    assertions: assertions.optional().describe("How a service proves itself by assertions that it signs (RFC 7523)."),
    workloads: z.array(workload).max(8).default([]).describe("Tokens of its platform that prove it. Empty: none."),
    certificates: z
      .array(certificateName)
      .max(8)
      .default([])
      .describe("Names in the TLS certificate that prove it: one must be there, exactly. Needs server.tls.client_ca_file. Empty: none."),
    rate_limit: z
      .int()
      .min(1)
      .max(1_000_000)
      .optional()
      .describe("Calls per second; of a public client for each address. Default: limits.services or limits.public_clients."),
    report_only: z
      .array(z.enum(reportableRules))
      .max(8)
      .default([])
      .describe("Rules of this client that only report in log and audit trail what they would refuse. For trying them out."),
    origins: z.array(origin).max(64).default([]).describe("Pages that a browser client calls from."),
    methods: z.array(z.enum(methods)).max(16).default([]).describe("RPCs that it may call. Empty: none."),
    providers: z
      .record(
        name,
        z.strictObject({
          redirect_uris: z
            .array(redirectUri)
            .max(64)
            .default([])
            .describe("Where the provider may send its users back to, byte for byte; only a native client's loopback port is free."),
          scopes: z
            .array(scope)
            .max(128)
            .default([])
            .describe(
              "Scopes that it may ask for and be given: list what the provider adds by itself, or its sign-ins are refused. Empty: none.",
            ),
          audiences: z
            .array(name)
            .max(64)
            .default([])
            .describe(
              "Audiences that it may ask tokens for and be given: list those that the provider adds by itself, or its sign-ins are refused. Empty: none.",
            ),
          max_lifetime: duration("1m", "744h")
            .optional()
            .describe(
              "The longest life of an access token that it is given; one that lives longer, or does not say, is refused. Default: as the provider decides.",
            ),
        }),
      )
      .default({})
      .describe("Providers that it may use. Empty: none."),
    audiences: z.array(name).max(64).default([]).describe("Its own audiences: it may validate tokens for these. The first is the default."),
    raw_refresh_tokens: z
      .boolean()
      .optional()
      .describe("true: it holds the provider's refresh tokens as they are. Default: services yes, others no."),
  })
  .transform(completeClient);

const route = z.strictObject({
  path: routePath.describe("Path of the route."),
  client: clientId.describe("The public client that it serves."),
  provider: name.describe("The provider that redeems its codes."),
});

export const configurationSchema = z.strictObject({
  server: server.prefault({}).describe("The port that everything is served on."),
  log: z
    .strictObject({ level: z.enum(["info", "warn", "error"]).default("info").describe("The least level that is written.") })
    .prefault({})
    .describe("Logs go to standard output, one JSON object per line."),
  sealing: z
    .strictObject({
      keys: z
        .array(namedSealingKey)
        .min(1)
        .max(8)
        .describe(
          "The first seals, all of them open. To replace it: add the new key last, on all replicas; then move it to the front; then remove the old one: with a database run `cambio reseal` first; see docs/operations.md for when it may go.",
        ),
    })
    .optional()
    .describe(
      "Keys for refresh handles, for what is kept in Redis and database, and for signing the audit trail. Without it keys are made at start: one replica only, and handles end with the process.",
    ),
  redis: z
    .strictObject({
      url: redisUrl.describe("redis[s]://[USER:PASSWORD@]HOST[:PORT][/DATABASE], rediss for TLS; no options behind it."),
    })
    .optional()
    .describe(
      "Shared cache and one-time store. If it is not given, the environment's REDIS_URL counts; without it: the database, or this process for one replica. With it sealing is needed.",
    ),
  database: z
    .strictObject({
      url: databaseUrl.optional().describe("postgres://USER:PASSWORD@HOST[:PORT]/DATABASE[?sslmode=verify-full]."),
      file: filePath.optional().describe("A SQLite file, made at start: for one replica. Give this or url."),
      migrate_at_start: z
        .boolean()
        .optional()
        .describe("true: the schema is brought up to date at start; false: by `cambio migrate`. Default: true with a file, else false."),
      handle_idle: duration("1h", "8760h").prefault("720h").describe("A refresh handle that was not used for so long ends."),
    })
    .transform(completeDatabase)
    .optional()
    .describe(
      "What must not be forgotten: used codes, revocations, refresh handles that rotate. If it is not given, the environment's DATABASE_URL counts; without either, handles do not rotate, and Redis or the process remembers the rest.",
    ),
  revocation_lag: duration("1s", "1m")
    .prefault("5s")
    .describe("How old what is known of revocations may be. Beyond it nothing is accepted: STORE_UNAVAILABLE rather than a stale yes."),
  audit: z
    .strictObject({
      file: filePath.optional().describe("Where the trail is written. Default: standard output."),
      rotate_bytes: z
        .int()
        .min(65_536)
        .max(17_179_869_184)
        .default(134_217_728)
        .describe("A file of this size is set aside and a new one begun."),
    })
    .prefault({})
    .describe("Who did what, one JSON object per line, chained by hashes and signed under the first sealing key."),
  limits: z
    .strictObject({
      services: z.int().min(1).max(1_000_000).default(1_000).describe("Calls per second of one service."),
      public_clients: z
        .int()
        .min(1)
        .max(1_000_000)
        .default(20)
        .describe("Calls per second of one public client from one address (IPv6: /64)."),
      addresses: z
        .int()
        .min(1)
        .max(1_000_000)
        .default(50)
        .describe(
          "Calls per second from one address (IPv6: /64) that end without a known caller. A service that proved itself is never refused for its address.",
        ),
      concurrent_calls: z
        .int()
        .min(10)
        .max(1_000_000)
        .default(1_000)
        .describe("Calls at one time. Exchanges are refused from 60 % of it on, refreshes from 80 %, validations last."),
      client_failures: z
        .int()
        .min(1)
        .max(1_000_000)
        .default(2_000)
        .describe("What a provider may refuse one client in ten minutes before the client is paused there."),
      address_failures: z.int().min(1).max(1_000_000).default(50).describe("The same for one address (IPv6: /64) of a public client."),
    })
    .prefault({})
    .describe("How much is taken from whom; counted across replicas where there is Redis."),
  workload_issuers: z
    .record(name, workloadIssuer)
    .default({})
    .describe("Platforms whose tokens may prove services, by a name of your choice."),
  providers: z.record(name, provider).describe("Identity providers, by a name of your choice."),
  audiences: z.record(name, audience).default({}).describe("Recipients of tokens, by a name of your choice."),
  clients: z.record(clientId, client).describe("Who may call, by client id. Nothing is allowed that is not listed."),
  routes: z
    .strictObject({
      exchange: z.array(route).max(32).default([]).describe("Routes that redeem an authorization code: JSON in, JSON out."),
    })
    .prefault({})
    .describe("Plain HTTP beside the RPCs."),
});

/** A checked and complete configuration. Durations are milliseconds. */
export type Configuration = z.output<typeof configurationSchema>;
export type ProviderConfiguration = Configuration["providers"][string];
export type ClientConfiguration = Configuration["clients"][string];
