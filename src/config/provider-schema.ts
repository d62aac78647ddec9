// The part of the configuration's shape that is about who vouches for users: providers that speak OAuth, what their tokens look like, and
// whom those are for. How such a provider is asked and read is provider-dialect-schema.ts; applications that keep sessions are
// session-provider-schema.ts; the whole is schema.ts.

import { z } from "zod";
import { completeProvider } from "./defaults.ts";
import { duration, issuer, name, origin, secret, subjectPrefix, url } from "./fields.ts";
import { mint } from "./mint-schema.ts";
import { connectionKeys, dialectKeys } from "./provider-dialect-schema.ts";
import { sessionProvider } from "./session-provider-schema.ts";

export const algorithm = z.enum(["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"]);

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
  authentication: z
    .enum(["basic", "post", "none"])
    .optional()
    .describe(
      "How this service proves itself at the token endpoint. Default: basic; for discord, github and google: post; for openai: none.",
    ),
});

const endpoints = z
  .strictObject({
    authorization: url.describe("Where users sign in."),
    token: url.describe("Where codes and refresh tokens are redeemed; the only address that sees the client secret."),
    jwks: url.describe("Where the provider's keys are."),
    revocation: url.describe("Where tokens are revoked (RFC 7009)."),
    introspection: url.describe("Where tokens are introspected (RFC 7662)."),
    user: url.describe("Where an access token's user is read, such as https://login.example.com/me."),
  })
  .partial()
  .default({})
  .describe(
    "Addresses that win over those that the provider's kind knows, and over discovery. With authorization, token and jwks discovery is not read: then give the others too. A custom provider has no others.",
  );

const oauthKeys = {
  back_channel_url: url
    .optional()
    .describe(
      "Where this service reaches the provider, if not at the issuer's address. Discovery is read from there; the issuer in it must still be the one above.",
    ),
  endpoints,
  allowed_origins: z
    .array(origin)
    .max(16)
    .optional()
    .describe(
      "Further origins that discovery may name endpoints on, besides those of issuer, back channel and endpoints. Default: none; for google its own.",
    ),
  allow_http: z.boolean().default(false).describe("true: plain http beyond loopback. For closed networks only."),
  client: providerClient.describe("This service's own registration at the provider, such as { id: cambio, secret_file: client-secret }."),
  pkce: z
    .enum(["S256", "none"])
    .optional()
    .describe("none: only for a provider or an application that cannot do PKCE. Default: S256 with every kind."),
  timeout: duration("100ms", "1m").prefault("10s").describe("Total time for one call to the provider."),
  introspection: z
    .enum(["none", "opaque", "every"])
    .default("none")
    .describe(
      "opaque: the provider is asked about tokens that are no JWTs (RFC 7662). every: also about each JWT, once its signature was verified, so that revocations there are seen within 60 s.",
    ),
  target_parameter: z
    .enum(["audience", "resource"])
    .optional()
    .describe(
      "By which parameter of a token exchange (RFC 8693) the provider is told whom the new token is for. Default: resource; for keycloak: audience.",
    ),
  tokens: tokenRules.prefault({}).describe("What an access token of this provider must look like."),
  subject_prefix: subjectPrefix.optional().describe("Put before `sub` in tokens that are minted for its users."),
  ...dialectKeys,
  ...connectionKeys,
};

const issuerOfProvider = issuer.describe("The provider's issuer, byte for byte as it stands in `iss`, such as https://login.example.com.");

/** These know where their provider is. */
const knownProvider = z
  .strictObject({
    kind: z
      .enum(["openai", "discord", "github", "google"])
      .describe("openai, discord, github, google: that provider, with its addresses and its ways."),
    issuer: issuerOfProvider.optional(),
    ...oauthKeys,
  })
  .transform(completeProvider);

const oauthProvider = z
  .strictObject({
    kind: z
      .enum(["oidc", "keycloak", "custom"])
      .describe(
        "oidc: any compliant provider. keycloak: the same with Keycloak's token types. custom: any other that speaks OAuth 2.0, as its other keys say.",
      ),
    issuer: issuerOfProvider,
    ...oauthKeys,
  })
  .transform(completeProvider);

/** Told apart by `kind`. */
export const provider = z.discriminatedUnion("kind", [oauthProvider, knownProvider, sessionProvider]);

export const audience = z.strictObject({
  accepts: z
    .record(
      name,
      z.strictObject({
        identifiers: z
          .array(z.string().min(1).max(2048))
          .min(1)
          .max(64)
          .describe("Values of `aud` that mean this audience; one must match byte for byte. The first names it to the provider."),
        clients: z.array(z.string().min(1).max(256)).max(1024).describe("Clients of that provider whose tokens are accepted. Empty: none."),
        report_only: z
          .boolean()
          .default(false)
          .describe("true: tokens of other clients are accepted too, and each is reported in log and audit trail. For trying a list out."),
        exchange_as: z
          .strictObject({
            id: z.string().min(1).max(256).describe("Client id of this audience at the provider; it must stand in the tokens' `aud`."),
            secret: secret.describe("Its secret."),
            authentication: z.enum(["basic", "post"]).default("basic").describe("How it proves itself at the token endpoint."),
          })
          .optional()
          .describe(
            "The audience's own registration at the provider, by which tokens that it received are exchanged there (RFC 8693), and introspected where they are not meant for this service itself. Without it they are not exchanged.",
          ),
      }),
    )
    .prefault({})
    .describe("What it accepts, by provider; cambio for tokens that were issued here. Empty: nothing."),
  mint: mint.optional().describe("Tokens that this service issues for it (RFC 9068). Absent: none."),
});
