// The part of the configuration's shape that is about who calls: clients, how they prove themselves, and the platforms that vouch
// for them. The whole is schema.ts.

import { z } from "zod";
import { methods, reportableRules } from "../exchange/clients.ts";
import { completeClient } from "./defaults.ts";
import {
  certificateName,
  clientId,
  duration,
  issuer,
  jwks,
  name,
  origin,
  redirectUri,
  scope,
  secret,
  secureCookieName,
  url,
} from "./fields.ts";
import { algorithm } from "./provider-schema.ts";

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

export const workloadIssuer = z.strictObject({
  issuer: issuer.describe("Byte for byte as it stands in `iss`."),
  jwks_url: url.optional().describe("Where its keys are. Give this or jwks."),
  jwks: jwks.optional().describe("Its public keys as a JSON Web Key Set. Give this or jwks_url."),
  algorithms: z.array(algorithm).min(1).max(16).default(["RS256", "ES256"]).describe("Accepted signature algorithms."),
  allow_http: z.boolean().default(false).describe("true: plain http beyond loopback. For closed networks only."),
  timeout: duration("100ms", "1m").prefault("5s").describe("Total time for fetching its keys."),
});

export const client = z
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
          exchanged_refresh_tokens: z
            .boolean()
            .default(false)
            .describe(
              "true: an exchange of a token (RFC 8693) or a session may give it a refresh token as well, always as a handle. Needs a database; for tokens of a provider's own it must allow it.",
            ),
          connections: z
            .boolean()
            .default(false)
            .describe(
              "true: its sign-ins are kept here as connections, one for each account, and refreshed in the background. It gets a connection_id, and no refresh token. Needs a database, a spool, and a provider whose users have accounts.",
            ),
          connections_of: z
            .array(clientId)
            .max(64)
            .default([])
            .describe("For services: clients whose connections there it may use besides its own. Empty: none."),
        }),
      )
      .default({})
      .describe("Providers that it may use. Empty: none."),
    audiences: z.array(name).max(64).default([]).describe("Its own audiences: it may validate tokens for these. The first is the default."),
    refresh_cookie: secureCookieName
      .optional()
      .describe(
        "Name of the cookie (HttpOnly, Secure, SameSite=Strict) in which a browser client's refresh handles travel, instead of in messages. __Host-: no other host can plant one, and every path of this host is sent it. __Secure-: only this service's RPCs are sent it.",
      ),
    raw_refresh_tokens: z
      .boolean()
      .optional()
      .describe("true: it holds the provider's refresh tokens as they are. Default: services yes, others no."),
  })
  .transform(completeClient);
