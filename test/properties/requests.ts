// Requests that nobody would send on purpose, and some that somebody might: every path, method, type, header and body, at random,
// from bytes without any sense to messages that are right but for one thing.

import { deflateSync, gzipSync } from "node:zlib";
import { create, toBinary } from "@bufbuild/protobuf";
import { encodeEnvelope } from "@connectrpc/connect/protocol";
import fc from "fast-check";
import { ExchangeRequestSchema, ValidateCrossClientRequestSchema } from "../../gen/cambio/v1/token_exchange_service_pb.ts";

export interface OddRequest {
  readonly path: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

const service = "/cambio.v1.TokenExchangeService";
export const rpcPaths = ["Exchange", "Refresh", "ValidateCrossClient", "CreateAuthorizationUrl"].map((name) => `${service}/${name}`);
const otherPaths = [
  "/api/auth/exchange",
  "/grpc.health.v1.Health/Check",
  "/grpc.health.v1.Health/List",
  "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
  "/livez",
  "/readyz",
  "/metrics",
  `${service}/exchange`,
  `${service}/`,
  "//",
];

const path = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom(...rpcPaths) },
  { weight: 4, arbitrary: fc.constantFrom(...otherPaths) },
  { weight: 1, arbitrary: fc.webPath().map((text) => (text.startsWith("/") ? text : `/${text}`)) },
  {
    weight: 1,
    arbitrary: fc.tuple(fc.constantFrom(...rpcPaths, ...otherPaths), fc.webQueryParameters()).map(([to, query]) => `${to}?${query}`),
  },
);

const method = fc.oneof(
  { weight: 12, arbitrary: fc.constant("POST") },
  { weight: 1, arbitrary: fc.constantFrom("GET", "PUT", "OPTIONS", "DELETE", "PATCH") },
);

const types = [
  "application/json",
  "application/proto",
  "application/grpc",
  "application/grpc+proto",
  "application/grpc+json",
  "application/grpc-web+proto",
  "application/grpc-web+json",
  "application/grpc-web-text",
  "application/connect+json",
  "application/connect+proto",
  "application/json; charset=utf-8",
  "text/plain",
];

/** What may stand in a header line: visible characters, some of them not ASCII. */
const headerText = fc.string({
  unit: fc
    .integer({ min: 0x21, max: 0xff })
    .filter((code) => code < 0x7f || code > 0xa0)
    .map((code) => String.fromCharCode(code)),
  maxLength: 40,
});

const headersWith = (authorizations: readonly string[]) =>
  fc.record(
    {
      "content-type": fc.oneof({ weight: 10, arbitrary: fc.constantFrom(...types) }, { weight: 1, arbitrary: headerText }),
      authorization: fc.oneof(
        fc.constantFrom(...authorizations),
        headerText,
        fc.base64String().map((text) => `Basic ${text}`),
      ),
      origin: fc.oneof(fc.constantFrom("http://localhost:5173", "null", "https://evil.example"), headerText),
      "x-request-id": headerText,
      "connect-protocol-version": fc.constantFrom("1", "2", ""),
      "connect-timeout-ms": fc.oneof(fc.integer({ min: 50 }).map(String), headerText),
      "grpc-timeout": fc.oneof(fc.constantFrom("1S", "99999999H", "1n", "-1S"), headerText),
      "content-encoding": fc.constantFrom("gzip", "br", "deflate", "identity", "zstd"),
      "grpc-encoding": fc.constantFrom("gzip", "br", "identity", "snappy"),
      "connect-content-encoding": fc.constantFrom("gzip", "br"),
      "accept-encoding": headerText,
      accept: headerText,
      "access-control-request-method": fc.constantFrom("POST", "GET", "TRACE"),
      cookie: headerText,
    },
    { requiredKeys: ["content-type"] },
  );

const odd = fc.oneof(
  fc.string({ unit: "binary", maxLength: 60 }),
  fc.constantFrom(
    "",
    "main",
    "nothing",
    "web",
    "cli",
    "orders",
    "openid",
    "__proto__",
    "constructor",
    "\u0000",
    "http://localhost:5173/callback",
  ),
  fc.string({ unit: "grapheme-ascii", minLength: 43, maxLength: 128 }),
  fc.integer({ min: 0, max: 20_000 }).map((length) => "x".repeat(length)),
);

const jsonMessage = fc
  .record(
    {
      clientId: odd,
      provider: odd,
      authorizationCode: fc.record(
        { code: odd, redirectUri: odd, codeVerifier: odd, state: odd, nonce: odd, issuer: odd },
        { requiredKeys: [] },
      ),
      audiences: fc.array(odd, { maxLength: 20 }),
      refreshToken: odd,
      scopes: fc.array(odd, { maxLength: 70 }),
      token: fc.record({ value: odd, type: odd }, { requiredKeys: [] }),
      audience: odd,
      requiredScopes: fc.array(odd, { maxLength: 5 }),
      redirectUri: odd,
      codeChallenge: odd,
      loginHint: odd,
      prompt: odd,
      code: odd,
      code_verifier: odd,
      redirect_uri: odd,
      state: odd,
    },
    { requiredKeys: [] },
  )
  .map((message) => Buffer.from(JSON.stringify(message)));

const exchange = create(ExchangeRequestSchema, {
  clientId: "web",
  subject: { case: "authorizationCode", value: { code: "code-that-nobody-issued", codeVerifier: "v".repeat(43), state: "s" } },
});
const validate = create(ValidateCrossClientRequestSchema, { token: { value: "a.b.c" }, requiredScopes: ["x"] });
const binaryMessage = fc.constantFrom(
  Buffer.from(toBinary(ExchangeRequestSchema, exchange)),
  Buffer.from(toBinary(ValidateCrossClientRequestSchema, validate)),
);

/** A few bytes of it are others. */
const spoiled = (whole: fc.Arbitrary<Buffer>): fc.Arbitrary<Buffer> =>
  fc.tuple(whole, fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 3 })).map(([bytes, changes]) => {
    const copy = Buffer.from(bytes);
    if (copy.length > 0) for (const [at, byte] of changes) copy[at % copy.length] = byte;
    return copy;
  });

const message = fc.oneof(
  spoiled(binaryMessage),
  spoiled(jsonMessage),
  jsonMessage,
  fc.json().map((text) => Buffer.from(text)),
  fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
);

const body = fc.oneof(
  message,
  fc.tuple(message, fc.constantFrom(0, 0, 0, 1, 2, 0x80)).map(([bytes, flags]) => Buffer.from(encodeEnvelope(flags, bytes))),
  message.map((bytes) => Buffer.from(encodeEnvelope(1, gzipSync(bytes)))),
  message.map((bytes) => gzipSync(bytes)),
  message.map((bytes) => deflateSync(bytes)),
);

export const oddRequest = (authorizations: readonly string[]): fc.Arbitrary<OddRequest> =>
  fc
    .record({ path, method, headers: headersWith(authorizations), body })
    // Node's client says nothing of the length of what it sends with GET, and then it would be the next request.
    .map((request) => ({ ...request, headers: { ...request.headers, "content-length": String(request.body.length) } }));
