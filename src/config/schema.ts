// The shape of a configuration file, once: the check at start, the types and the editors' JSON Schema all come from here. Clients,
// providers and what is kept have files of their own; scalars are in fields.ts, what keys demand of each other in rules.ts, how files
// and environment are read in load.ts.

import { z } from "zod";
import { client, workloadIssuer } from "./client-schema.ts";
import { clientId, collectorUrl, duration, filePath, issuer, name, network, otlpHeaders, routePath } from "./fields.ts";
import { audience, provider } from "./provider-schema.ts";
import { signing } from "./signing-schema.ts";
import { database, redis, sealing, vault } from "./storage-schema.ts";

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
    .describe(
      "This service's own name: what the `aud` of assertions must be, byte for byte. It is the `iss` of tokens that it signs. Needed where a client has assertions, and with signing.",
    ),
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

const route = z.strictObject({
  path: routePath.describe("Path of the route."),
  client: clientId.describe("The public client that it serves."),
  provider: name.describe("The provider that redeems its codes."),
});

const backendTokenRoute = z.strictObject({
  path: routePath.describe("Path of the route."),
  client: clientId.describe("The browser client that it serves."),
  provider: name.describe("The provider that keeps its users' sessions."),
  audience: name.describe("Whom the tokens are for."),
});

export const configurationSchema = z.strictObject({
  server: server.prefault({}).describe("The port that everything is served on."),
  log: z
    .strictObject({ level: z.enum(["info", "warn", "error"]).default("info").describe("The least level that is written.") })
    .prefault({})
    .describe("Logs go to standard output, one JSON object per line."),
  sealing: sealing
    .optional()
    .describe(
      "Keys for refresh handles, for what is kept in Redis and database, and for signing the audit trail. Without it keys are made at start: one replica only, and handles end with the process.",
    ),
  redis: redis
    .optional()
    .describe(
      "Shared cache and one-time store. If none of url, sentinel and cluster is given, the environment's REDIS_URL counts; without it: the database, or this process for one replica. With it sealing is needed.",
    ),
  database: database
    .optional()
    .describe(
      "What must not be forgotten: used codes, revocations, refresh handles that rotate. If it is not given, the environment's DATABASE_URL counts; without either, handles do not rotate, and Redis or the process remembers the rest.",
    ),
  vault: vault.prefault({}).describe("Accounts and connections: tokens of providers that are kept here, in the database."),
  signing: signing
    .optional()
    .describe(
      "Keys by which this service signs tokens of its own; their public halves are at /.well-known/jwks.json. Needs server.issuer, and where keys are created a database. Without it nothing is signed.",
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
  traces: z
    .strictObject({
      otlp_url: collectorUrl.describe(
        "Where the collector takes OTLP over HTTP with JSON, such as https://collector.example.com/v1/traces.",
      ),
      headers: otlpHeaders
        .optional()
        .describe(
          "Sent with every request: NAME=VALUE, several with commas between them, values percent-encoded. For the collector's key.",
        ),
      allow_http: z.boolean().default(false).describe("Plain http beyond loopback, for a closed network."),
      sample_ratio: z
        .number()
        .min(0)
        .max(1)
        .default(1)
        .describe("Which part of the traces that begin here is sent. Those that a service began are sent where it sends them."),
      service_name: name.default("cambio").describe("What this service is called there."),
    })
    .optional()
    .describe(
      "OpenTelemetry spans of all calls. If otlp_url, headers or service_name are not given, the environment's OTEL_EXPORTER_OTLP_TRACES_ENDPOINT or OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_HEADERS and OTEL_SERVICE_NAME count; without an address there are no traces.",
    ),
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
        .describe(
          "Calls at one time. Exchanges are refused from 60 % of it on, refreshes from 80 %, validations last. Two fifths of them may wait for one provider.",
        ),
      client_failures: z
        .int()
        .min(1)
        .max(1_000_000)
        .default(2_000)
        .describe("What a provider may refuse one client in ten minutes before the client is paused there."),
      address_failures: z.int().min(1).max(1_000_000).default(50).describe("The same for one address (IPv6: /64) of a public client."),
      provider_failures: z
        .int()
        .min(1)
        .max(1_000_000)
        .default(5_000)
        .describe(
          "What a provider may refuse all clients together in ten minutes before each address of a public client that it refused at all is paused there. Below half of what the provider bans for.",
        ),
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
      backend_token: z
        .array(backendTokenRoute)
        .max(32)
        .default([])
        .describe("Routes that turn a session, shown by its cookie, into a token for a backend: GET, JSON out."),
    })
    .prefault({})
    .describe("Plain HTTP beside the RPCs."),
});

/** A checked and complete configuration. Durations are milliseconds. */
export type Configuration = z.output<typeof configurationSchema>;
type AnyProvider = Configuration["providers"][string];
/** A provider that keeps sessions, which are read there, and has no endpoints of OAuth. */
export type SessionProviderConfiguration = Extract<AnyProvider, { kind: "better-auth" }>;
/** A provider that speaks OAuth 2.0. */
export type ProviderConfiguration = Exclude<AnyProvider, SessionProviderConfiguration>;
export type ClientConfiguration = Configuration["clients"][string];
