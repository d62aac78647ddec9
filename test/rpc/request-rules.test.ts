import { createSecretKey, randomBytes } from "node:crypto";
import { create, type DescMessage, fromJson, type JsonObject, type JsonValue } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import {
  CreateAuthorizationUrlRequestSchema,
  ExchangeRequestSchema,
  GetAccountRequestSchema,
  RefreshRequestSchema,
  RevokeRequestSchema,
  ValidateCrossClientRequestSchema,
} from "../../gen/cambio/v1/token_exchange_service_pb.ts";
import { createCacheKeys } from "../../src/cache/cache-key.ts";
import { createMemoryTier } from "../../src/cache/memory-tier.ts";
import { createOneTimeMemory } from "../../src/cache/one-time-memory.ts";
import { createOneTimeNames } from "../../src/sealing/one-time-names.ts";
import { createRefreshHandles } from "../../src/cache/refresh-handles.ts";
import { createSealer } from "../../src/sealing/sealer.ts";
import { createSingleFlight } from "../../src/cache/single-flight.ts";
import { createVerificationCache } from "../../src/cache/verification-cache.ts";
import { createAuthorize } from "../../src/exchange/authorize.ts";
import type { Reason } from "../../src/exchange/errors.ts";
import { createExchange } from "../../src/exchange/exchange.ts";
import { createPkce } from "../../src/exchange/pkce.ts";
import { createRefresh } from "../../src/exchange/refresh.ts";
import { createRevoke } from "../../src/exchange/revoke.ts";
import { createSharedFlight } from "../../src/cache/shared-flight.ts";
import { weighVerification } from "../../src/cache/verification-codec.ts";
import { createExchangeToken } from "../../src/exchange/exchange-token.ts";
import { createSubjectToken } from "../../src/exchange/subject-token.ts";
import { createSwap } from "../../src/exchange/swap.ts";
import { createExchangeSession } from "../../src/exchange/exchange-session.ts";
import { createRefreshSession } from "../../src/exchange/refresh-session.ts";
import { createSessionReading } from "../../src/exchange/session-reading.ts";
import { createValidate } from "../../src/exchange/validate.ts";
import { createDecide } from "../../src/policy/evaluate.ts";
import { createAuthorizationUrlRpc } from "../../src/rpc/create-authorization-url.ts";
import { createExchangeRpc } from "../../src/rpc/exchange.ts";
import { createGetAccountRpc } from "../../src/rpc/get-account.ts";
import { createRefreshRpc } from "../../src/rpc/refresh.ts";
import { createRevokeRpc } from "../../src/rpc/revoke.ts";
import { createValidateRpc } from "../../src/rpc/validate-cross-client.ts";
import { clientOf, grantOf, nothingMinted, refusal, roomyPlaces } from "../exchange/fixtures.ts";
import { wireAccounts } from "../../src/wiring/accounts.ts";
import { callersOf, callOf, contextOf, entranceOf } from "./fixtures.ts";

// The real operations over a service that has clients but no providers: whatever passes the rules ends at the first thing that
// the core looks up, and that reason is how a row sees that its request was accepted.
const clock = () => 1_800_000_000_000;
const masterKeys = [{ id: "k1", key: createSecretKey(randomBytes(32)) }];
const providers = new Map();
const audiences = new Map();
const pkce = createPkce(randomBytes);
const flights = createSingleFlight(() => 1_000);
const oneTime = createOneTimeMemory({ names: createOneTimeNames(masterKeys), clock });
const handles = createRefreshHandles(createSealer(masterKeys, "refresh-handle"), clock);
const keyOf = createCacheKeys({ id: "k1", key: createSecretKey(randomBytes(32)) });
const cache = createVerificationCache({
  keyOf,
  memory: createMemoryTier(clock, weighVerification),
  clock,
  onHit: () => undefined,
  onMiss: () => undefined,
});
const verifiers = { byName: () => undefined, byIssuer: () => undefined, contentHash: "" };

const tool = clientOf({ id: "tool", kind: "native", providers: new Map([["main", grantOf({})]]), rawRefreshTokens: true });
const service = clientOf({ id: "orders", kind: "service" });
const entrance = entranceOf(callersOf(tool, service));
const decide = createDecide(audiences);
const budget = { check: () => undefined, spend: () => undefined };
const revocations = { check: () => undefined, revoke: () => Promise.resolve() };
const upstream = { tell: () => Promise.resolve(false) };
const common = { providers, verifiers, audiences, decide, places: roomyPlaces, clock };
const verifySubject = createSubjectToken({ verifiers, cache, flights, budget, places: roomyPlaces, clock });
const exchanges = { get: async () => undefined, look: async () => undefined, put: async () => undefined };
const swap = createSwap({ ...common, revocations, keyOf, exchanges, flights, sharedFlights: createSharedFlight(undefined), budget });
const sessions = new Map();
const readSession = createSessionReading({ revocations, budget });
const issuing = { sessions, readSession, decide, revocations, budget, places: roomyPlaces, ...nothingMinted };
const exchangeSession = createExchangeSession({ ...issuing, handles });
const refreshSession = createRefreshSession({ ...issuing, flights, fingerprint: keyOf, edition: "one" });
const { refreshHeld, refreshConnection, revokeConnection, getAccount } = wireAccounts({
  ...common,
  ...nothingMinted,
  clients: new Map(),
  sessions,
  subjectPrefixes: new Map(),
  verifySubject,
  readSession,
  storage: { vault: undefined, handles, revocations, upstreamRevocations: upstream, cache },
  flights,
  budget,
});
const nothingKept = { accounts: undefined, connections: undefined, subjects: { subjectOf: () => "" } };
const handleLifeMs = 60_000;

const rpcs = {
  Exchange: createExchangeRpc({
    entrance,
    clock,
    exchange: createExchange({ ...common, ...nothingMinted, ...nothingKept, oneTime, handles, budget, pkce }),
    exchangeToken: createExchangeToken({ verifySubject, swap, audiences, decide, revocations, handles, ...nothingMinted, ...nothingKept }),
    exchangeSession,
    handleLifeMs,
  }),
  Refresh: createRefreshRpc({
    entrance,
    clock,
    refresh: createRefresh({ ...common, handles, revocations, flights, budget, refreshSession, refreshHeld, fingerprint: keyOf }),
    refreshConnection,
    handleLifeMs,
  }),
  Validate: createValidateRpc({
    entrance,
    validate: createValidate({ verifySubject, swap, decide, revocations, ...nothingMinted }),
    clock,
  }),
  Authorize: createAuthorizationUrlRpc({ entrance, authorize: createAuthorize({ ...common, minting: new Map(), oneTime, pkce }) }),
  Revoke: createRevokeRpc({ entrance, revoke: createRevoke({ ...common, handles, revocations, upstream, budget }), revokeConnection }),
  GetAccount: createGetAccountRpc({ entrance, getAccount }),
};

const verifier = "v".repeat(43);

interface Surface {
  readonly schema: DescMessage;
  /** A request that keeps every rule. */
  readonly good: JsonObject;
  /** Where a request that keeps every rule ends here. */
  readonly passed: Reason;
  ask(message: never): Promise<unknown>;
}

const surfaces: Readonly<Record<string, Surface>> = {
  ExchangeRequest: {
    schema: ExchangeRequestSchema,
    good: { client_id: "tool", authorization_code: { code: "code", code_verifier: verifier } },
    passed: "PROVIDER_UNKNOWN",
    ask: (message) => rpcs.Exchange(message, contextOf(callOf())),
  },
  RefreshRequest: {
    schema: RefreshRequestSchema,
    good: { client_id: "tool", refresh_token: "token" },
    passed: "PROVIDER_UNKNOWN",
    ask: (message) => rpcs.Refresh(message, contextOf(callOf())),
  },
  ValidateCrossClientRequest: {
    schema: ValidateCrossClientRequestSchema,
    good: { token: { value: "token" } },
    passed: "TARGET_NOT_ALLOWED",
    ask: async (message) => rpcs.Validate(message, contextOf(callOf({ service }))),
  },
  CreateAuthorizationUrlRequest: {
    schema: CreateAuthorizationUrlRequestSchema,
    good: { client_id: "tool" },
    passed: "PROVIDER_UNKNOWN",
    ask: (message) => rpcs.Authorize(message, contextOf(callOf())),
  },
  GetAccountRequest: {
    schema: GetAccountRequestSchema,
    good: { client_id: "tool", provider: "main", token: { value: "token" } },
    passed: "PROVIDER_UNKNOWN",
    ask: (message) => rpcs.GetAccount(message, contextOf(callOf())),
  },
  RevokeRequest: {
    schema: RevokeRequestSchema,
    good: { client_id: "tool", provider: "main", token: { value: "token", type: "urn:ietf:params:oauth:token-type:refresh_token" } },
    passed: "PROVIDER_UNKNOWN",
    ask: (message) => rpcs.Revoke(message, contextOf(callOf())),
  },
};

interface FieldRules {
  readonly accepted: readonly JsonValue[];
  readonly refused: readonly JsonValue[];
  /** Where accepted values end, if not where the good request does. */
  readonly passed?: Reason;
  /** Why refused values are, if not as malformed. */
  readonly reason?: Reason;
  /** What the log calls it, if not by its own name. */
  readonly known?: string;
  /** The request that it is a field of, if not the good one. */
  readonly within?: JsonObject;
}

/** The other kind of exchange. */
const tokenExchange: JsonObject = { client_id: "tool", provider: "nowhere", subject_token: { value: "token" } };

/** Any text of so many bytes: letters of two bytes show that bytes are counted. */
function text(maxBytes: number): FieldRules {
  const accepted = ["x".repeat(maxBytes), "é".repeat(maxBytes / 2), "😀".repeat(maxBytes / 4)];
  return { accepted: ["", ...accepted], refused: ["x".repeat(maxBytes + 1), ...accepted.slice(1).map((full) => `${full}x`)] };
}

const control = ["\0", "a\nb", "\r", "\t", "\x7f", "\x1b[0m"];
const beyondAscii = ["é", "\u2028", "\u202e", "😀"];

function printable(maxBytes: number): FieldRules {
  const accepted = ["", "x".repeat(maxBytes), "!\"#$%&'()*+,-./09:;<=>?@AZ[\\]^_`az{|}~", "a b"];
  return { accepted, refused: ["x".repeat(maxBytes + 1), ...control, ...beyondAscii] };
}

function visible(maxBytes: number): FieldRules {
  const { accepted, refused } = printable(maxBytes);
  return { accepted: accepted.slice(0, -1), refused: [...refused, "a b", " a", "a "] };
}

function required({ accepted, refused, ...rest }: FieldRules): FieldRules {
  return { accepted: accepted.filter((value) => value !== ""), refused: [...refused, ""], ...rest };
}

function list(maxItems: number, item: FieldRules): FieldRules {
  const filled = item.accepted.filter((value) => value !== "");
  return {
    accepted: [[], ...filled.map((value) => [value]), Array.from({ length: maxItems }, () => "x")],
    refused: [[""], ["x", ""], ...item.refused.map((value) => ["x", value]), Array.from({ length: maxItems + 1 }, () => "x")],
  };
}

/** How a token is written whose form is the core's to judge. */
const judgedToken: FieldRules = { accepted: ["x".repeat(16_384), "a b", "é"], refused: ["x".repeat(16_385)], reason: "TOKEN_MALFORMED" };
const accessTokenType: FieldRules = {
  accepted: ["", "urn:ietf:params:oauth:token-type:access_token", "urn:ietf:params:oauth:token-type:jwt"],
  refused: ["access_token", "urn:ietf:params:oauth:token-type:id_token", "urn:ietf:params:oauth:token-type:refresh_token", "\0"],
  reason: "TOKEN_TYPE_MISMATCH",
};
/** A connection is named with the proof of its user, which here is nobody's token, or a session that proves nothing. */
const userToken: JsonObject = { client_id: "tool", connection_id: "connection", user_token: { value: "token" } };
const userSession: JsonObject = { client_id: "tool", connection_id: "connection", session: { token: "x" } };

const scopes = list(64, {
  accepted: ["x".repeat(128), "orders:read", "!#[]~"],
  refused: ["x".repeat(129), 'a"', "a\\", "a b", ...control, ...beyondAscii],
});
const connectionId: FieldRules = { ...required(visible(128)), passed: "TOKEN_MALFORMED" };
const audienceNames = list(16, visible(128));
const name = visible(128);
// An id that nobody has: its form is right, and the caller is refused for being unknown.
const clientId: FieldRules = { ...text(256), accepted: text(256).accepted.filter((id) => id !== ""), passed: "CALLER_UNAUTHENTICATED" };

const rules: Readonly<Record<string, FieldRules>> = {
  "RevokeRequest.client_id": clientId,
  "RevokeRequest.provider": name,
  "RevokeRequest.connection_id": { ...connectionId, within: userToken },
  "RevokeRequest.user_token.value": { ...judgedToken, passed: "TOKEN_MALFORMED", within: userToken },
  "RevokeRequest.user_token.type": { ...accessTokenType, passed: "TOKEN_MALFORMED", within: userToken },
  "RevokeRequest.session.token": { ...printable(4_096), known: "session", passed: "SESSION_INVALID", within: userSession },
  // Empty: the handle in a refresh cookie, which this client does not have.
  "RevokeRequest.token.value": { ...required(printable(16_384)), known: "token" },
  "RevokeRequest.token.type": {
    accepted: ["", "access_token", "jwt", "refresh_token"].map((type) => (type === "" ? "" : `urn:ietf:params:oauth:token-type:${type}`)),
    refused: ["refresh_token", "urn:ietf:params:oauth:token-type:id_token", "x".repeat(10_000), "\0"],
    reason: "TOKEN_TYPE_MISMATCH",
  },
  "ExchangeRequest.client_id": clientId,
  "ExchangeRequest.provider": name,
  "ExchangeRequest.authorization_code.code": required(printable(2_048)),
  "ExchangeRequest.authorization_code.redirect_uri": visible(2_048),
  "ExchangeRequest.authorization_code.code_verifier": {
    accepted: ["", "a".repeat(43), "a".repeat(128), `AZaz09-._~${"a".repeat(40)}`],
    refused: [
      "a".repeat(42),
      "a".repeat(129),
      ...["+", "/", "=", " ", "%41", ...control, ...beyondAscii].map((odd) => odd + "a".repeat(50)),
    ],
  },
  "ExchangeRequest.authorization_code.state": printable(512),
  "ExchangeRequest.authorization_code.nonce": printable(512),
  "ExchangeRequest.authorization_code.issuer": visible(2_048),
  "ExchangeRequest.audiences": audienceNames,
  // As with a validation, its form is the core's to judge.
  "ExchangeRequest.subject_token.value": { ...judgedToken, within: tokenExchange },
  "ExchangeRequest.subject_token.type": { ...accessTokenType, within: tokenExchange },
  "ExchangeRequest.scopes": { ...scopes, within: tokenExchange },
  "ExchangeRequest.requested_token_type": {
    accepted: ["", ...["access_token", "jwt", "refresh_token"].map((type) => `urn:ietf:params:oauth:token-type:${type}`)],
    refused: ["access_token", "urn:ietf:params:oauth:token-type:id_token", "x".repeat(10_000), "\0"],
    within: tokenExchange,
  },
  "ExchangeRequest.session.token": { ...printable(4_096), known: "session", within: { client_id: "tool", session: { token: "x" } } },
  // Its form is the core's to judge, once the subject's token was.
  "ExchangeRequest.actor_token.value": {
    accepted: ["x".repeat(16_384), "a b", "é"],
    refused: [""],
    known: "actor_token",
    within: { ...tokenExchange, actor_token: { value: "token" } },
  },
  "ExchangeRequest.actor_token.type": {
    accepted: ["", "urn:ietf:params:oauth:token-type:access_token", "urn:ietf:params:oauth:token-type:jwt"],
    refused: ["access_token", "urn:ietf:params:oauth:token-type:id_token", "urn:ietf:params:oauth:token-type:refresh_token", "\0"],
    reason: "TOKEN_TYPE_MISMATCH",
    within: { ...tokenExchange, actor_token: { value: "token" } },
  },
  "RefreshRequest.client_id": clientId,
  "RefreshRequest.provider": name,
  "RefreshRequest.refresh_token": required(printable(16_384)),
  "RefreshRequest.scopes": scopes,
  "RefreshRequest.connection_id": { ...connectionId, within: userToken },
  "RefreshRequest.user_token.value": { ...judgedToken, passed: "TOKEN_MALFORMED", within: userToken },
  "RefreshRequest.user_token.type": { ...accessTokenType, passed: "TOKEN_MALFORMED", within: userToken },
  "RefreshRequest.session.token": { ...printable(4_096), known: "session", passed: "SESSION_INVALID", within: userSession },
  "GetAccountRequest.client_id": clientId,
  "GetAccountRequest.provider": { ...name, within: { client_id: "tool", session: { token: "x" } } },
  "GetAccountRequest.token.value": judgedToken,
  "GetAccountRequest.token.type": accessTokenType,
  "GetAccountRequest.session.token": { ...printable(4_096), known: "session", within: { client_id: "tool", session: { token: "x" } } },
  "GetAccountRequest.fresh": { accepted: [true, false], refused: [] },
  // The form of a token is the core's to judge: a token of another form is refused for what it is.
  "ValidateCrossClientRequest.token.value": {
    accepted: ["x".repeat(16_384), "a b", "é"],
    refused: ["x".repeat(16_385)],
    reason: "TOKEN_MALFORMED",
  },
  "ValidateCrossClientRequest.token.type": {
    accepted: ["", "urn:ietf:params:oauth:token-type:access_token", "urn:ietf:params:oauth:token-type:jwt"],
    refused: [
      "access_token",
      "urn:ietf:params:oauth:token-type:id_token",
      "urn:ietf:params:oauth:token-type:jwt ",
      "x".repeat(10_000),
      "\0",
    ],
    reason: "TOKEN_TYPE_MISMATCH",
  },
  "ValidateCrossClientRequest.provider": { ...name, passed: "TARGET_NOT_ALLOWED" },
  "ValidateCrossClientRequest.audience": name,
  "ValidateCrossClientRequest.exchange": { accepted: [false], refused: [] },
  "ValidateCrossClientRequest.required_scopes": scopes,
  "CreateAuthorizationUrlRequest.client_id": clientId,
  "CreateAuthorizationUrlRequest.provider": name,
  "CreateAuthorizationUrlRequest.redirect_uri": visible(2_048),
  "CreateAuthorizationUrlRequest.scopes": scopes,
  "CreateAuthorizationUrlRequest.audiences": audienceNames,
  "CreateAuthorizationUrlRequest.code_challenge": {
    accepted: ["", `${"A".repeat(42)}A`, `${"-_".repeat(21)}8`],
    refused: [
      "A".repeat(42),
      "A".repeat(44),
      `${"A".repeat(42)}B`,
      `${"A".repeat(42)}=`,
      `${"+/".repeat(21)}A`,
      `${"A".repeat(43)}\n`,
      "é".repeat(43),
    ],
  },
  "CreateAuthorizationUrlRequest.nonce": printable(512),
  "CreateAuthorizationUrlRequest.login_hint": text(512),
  "CreateAuthorizationUrlRequest.prompt": {
    accepted: ["", "none", "login", "login consent select_account"],
    refused: ["Login", "create", "login  consent", " login", "login ", "login,consent", "login\nconsent", "x".repeat(10_000), "__proto__"],
  },
};

/** Every scalar of a message and of the messages in it, as dotted proto names. */
function pathsOf(schema: DescMessage, prefix: string): string[] {
  return schema.fields.flatMap((field) =>
    field.fieldKind === "message" ? pathsOf(field.message, `${prefix}.${field.name}`) : [`${prefix}.${field.name}`],
  );
}

function replaced(json: JsonObject, [first = "", ...rest]: readonly string[], value: JsonValue): JsonObject {
  return { ...json, [first]: rest.length === 0 ? value : replaced((json[first] ?? {}) as JsonObject, rest, value) };
}

function surfaceOf(path: string): { surface: Surface; inside: readonly string[] } {
  const [message = "", ...inside] = path.split(".");
  const surface = surfaces[message];
  if (surface === undefined) throw new Error(`no surface ${message}`);
  return { surface, inside };
}

const shown = (value: JsonValue): string => {
  const json = JSON.stringify(value);
  return json.length <= 48 ? json : `${json.slice(0, 20)}… (${json.length})`;
};

const ask = (surface: Surface, json: JsonObject) => surface.ask(fromJson(surface.schema, json) as never);

describe("the rules of requests", () => {
  it("have a row for every field of every request, and for no other", () => {
    const fields = Object.entries(surfaces).flatMap(([message, { schema }]) => pathsOf(schema, message));
    expect(Object.keys(rules).toSorted()).toEqual(fields.toSorted());
  });

  it.each(Object.entries(surfaces))("let a good %s through to the core", async (_message, surface) => {
    await expect(ask(surface, surface.good)).rejects.toThrow(refusal(surface.passed));
  });

  it.each(Object.entries(surfaces))("refuse an empty %s", async (message, surface) => {
    // All that the one says is who asks; the other may leave the rest to a cookie.
    const sayNothingElse = ["CreateAuthorizationUrlRequest", "RefreshRequest"];
    const reason = sayNothingElse.includes(message) ? "CALLER_UNAUTHENTICATED" : "MALFORMED_REQUEST";
    await expect(surface.ask(create(surface.schema) as never)).rejects.toThrow(refusal(reason));
  });

  it("refuse a refresh without a handle by a client that has no cookie for it", async () => {
    const { surface } = surfaceOf("RefreshRequest");
    await expect(ask(surface, { client_id: "tool" })).rejects.toThrow(refusal("MALFORMED_REQUEST"));
  });

  it("refuse a token without a value", async () => {
    const { surface } = surfaceOf("ValidateCrossClientRequest");
    await expect(ask(surface, { token: {} })).rejects.toThrow(refusal("MALFORMED_REQUEST"));
  });
});

describe("an authorization code", () => {
  // They belong to the authorization request, which is over by then.
  it.each([
    ["scopes", ["orders:read"]],
    ["requested_token_type", "urn:ietf:params:oauth:token-type:access_token"],
    ["actor_token", { value: "token" }],
  ] as const)("goes with no %s", async (field, value) => {
    const { surface } = surfaceOf("ExchangeRequest");
    await expect(ask(surface, { ...surface.good, [field]: value as JsonValue })).rejects.toEqual(refusal("MALFORMED_REQUEST"));
  });
});

describe.each(Object.entries(rules))("%s", (path, field) => {
  const { surface, inside } = surfaceOf(path);
  // A nonce goes with a challenge; alone it would be refused for that.
  const alone = path === "CreateAuthorizationUrlRequest.nonce" ? { ...surface.good, code_challenge: "A".repeat(43) } : surface.good;
  const base = field.within ?? alone;

  it.each(field.accepted.map((value) => [shown(value), value] as const))("may be %s", async (_name, value) => {
    await expect(ask(surface, replaced(base, inside, value))).rejects.toThrow(refusal(field.passed ?? surface.passed));
  });

  it.each(field.refused.map((value) => [shown(value), value] as const))("may not be %s", async (_name, value) => {
    const failure = await ask(surface, replaced(base, inside, value)).catch((thrown: unknown) => thrown);
    expect(failure).toEqual(refusal(field.reason ?? "MALFORMED_REQUEST"));
    // The log is told the field; neither it nor anyone else the value.
    const rule = { kind: "rule", field: field.known ?? path.split(".").at(-1) };
    expect((failure as Error).cause).toEqual(field.reason === undefined ? rule : undefined);
  });
});
