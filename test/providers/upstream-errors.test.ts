import { createServer, type AddressInfo } from "node:net";
import { inspect } from "node:util";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ExchangeError, type Reason } from "../../src/exchange/errors.ts";
import type { PreparedProvider } from "../../src/exchange/provider-ports.ts";
import { Secret } from "../../src/exchange/secret.ts";
import { type FakeProvider, startFakeProvider } from "../support/fake-provider.ts";
import type { Fault } from "../support/faults.ts";
import { createRig, type Rig } from "../support/provider-rig.ts";

const shortMs = 200;
const canary = "canary-2f9c";

let fake: FakeProvider;
let rig: Rig;
let prepared: PreparedProvider;

beforeAll(async () => {
  fake = await startFakeProvider();
});

afterAll(() => fake.close());

beforeEach(async () => {
  rig = createRig({ issuer: fake.issuer, client: fake.client, timeoutMs: shortMs, openid: false });
  prepared = await rig.provider.prepare(AbortSignal.timeout(5_000));
});

afterEach(async () => {
  fake.faults.clear();
  await rig.close();
});

function redeem(by: PreparedProvider = prepared): Promise<unknown> {
  const codeVerifier = new Secret(canary.padEnd(43, "v"));
  return by.redeemCode({
    code: new Secret(`${canary}-code`),
    redirectUri: "https://app.example/cb",
    codeVerifier,
    resources: [],
    state: "",
    nonce: undefined,
  });
}

function refresh(by: PreparedProvider = prepared): Promise<unknown> {
  return by.refresh(new Secret(`${canary}-refresh`), { scopes: [] });
}

async function preparedFor(tokenEndpoint: string): Promise<{ at: PreparedProvider; other: Rig }> {
  const addresses = { issuer: fake.issuer, endpoints: { token: tokenEndpoint } };
  const other = createRig({ issuer: fake.issuer, client: fake.client, timeoutMs: shortMs, openid: false, addresses });
  return { at: await other.provider.prepare(AbortSignal.timeout(5_000)), other };
}

async function errorOf(work: Promise<unknown>): Promise<ExchangeError> {
  const error = await work.then(
    () => undefined,
    (failure: unknown) => failure,
  );
  expect(error).toBeInstanceOf(ExchangeError);
  return error as ExchangeError;
}

function oauth(status: number, error: unknown, headers: Readonly<Record<string, string>> = {}): Fault {
  return { kind: "status", status, body: { error, error_description: `${canary} description` }, headers };
}

const json = (status: number, body: unknown): Fault => ({ kind: "status", status, body });

describe("once something one-time may have left", () => {
  const cases: readonly [string, Fault][] = [
    ["no headers in time", { kind: "hang-before-headers" }],
    ["a body that stops", { kind: "hang-in-body" }],
    ["a body that drips on", { kind: "drip" }],
    ["a reset connection", { kind: "reset" }],
    ["an answer cut short", { kind: "truncate" }],
    ["an answer of more than 1 MiB", { kind: "huge", bytes: 1024 * 1024 + 1 }],
    ["bytes that are not HTTP", { kind: "raw", bytes: "hello\r\n\r\n" }],
    ["a page instead of tokens", { kind: "html" }],
    ["a page with 400", { kind: "html", status: 400 }],
    ["a redirect", { kind: "redirect" }],
    ["500", json(500, { error: "server_error" })],
    ["503 that names a grant error", oauth(503, "invalid_grant")],
    ["server_error with 400", oauth(400, "server_error")],
    ["temporarily_unavailable with 400", oauth(400, "temporarily_unavailable")],
    ["server_error in a 200", { kind: "error-in-200", error: "server_error" }],
    ["400 without a word", json(400, {})],
    ["400 with an empty word", oauth(400, "")],
    ["400 with an object for a word", oauth(400, { code: "invalid_grant" })],
    ["401 with JSON that is no object", json(401, "[]")],
    ["204", json(204, "")],
    ["201 with tokens", json(201, { access_token: "t", token_type: "Bearer" })],
    ["200 that is no object", json(200, "null")],
    ["200 that is no JSON", json(200, "access_token=x&token_type=bearer")],
    [
      "tokens under another label",
      { kind: "status", status: 200, body: { access_token: "t", token_type: "Bearer" }, headers: { "content-type": "text/html" } },
    ],
    ["200 without a token", json(200, { token_type: "Bearer" })],
    ["an error that is not a string in a 200", json(200, { error: null, access_token: "t", token_type: "Bearer" })],
  ];
  it.each(cases)("%s leaves the outcome unknown, for codes and refresh tokens alike, and is never repeated", async (_name, fault) => {
    for (const spend of [redeem, refresh]) {
      const before = fake.callsTo("token");
      fake.faults.next("token", fault);
      expect((await errorOf(spend())).reason).toBe("OUTCOME_UNKNOWN");
      expect(fake.callsTo("token") - before).toBe(1);
    }
  });

  it("a redirect is not followed: the secret and the code stay where they were sent", async () => {
    fake.faults.next("token", { kind: "redirect", status: 307 });
    await errorOf(redeem());
    expect(fake.callsTo("redirect-target")).toBe(0);
  });
});

describe("the provider's own word decides", () => {
  const cases: readonly [Fault, Reason, Reason][] = [
    [oauth(400, "invalid_grant"), "GRANT_INVALID", "REAUTHENTICATION_REQUIRED"],
    [{ kind: "error-in-200", error: "invalid_grant" }, "GRANT_INVALID", "REAUTHENTICATION_REQUIRED"],
    [oauth(401, "invalid_client", { "www-authenticate": 'Basic realm="x"' }), "UPSTREAM_REJECTED_CLIENT", "UPSTREAM_REJECTED_CLIENT"],
    [oauth(401, "unauthorized_client"), "UPSTREAM_REJECTED_CLIENT", "UPSTREAM_REJECTED_CLIENT"],
    [oauth(400, "unsupported_grant_type"), "UPSTREAM_REJECTED_CLIENT", "UPSTREAM_REJECTED_CLIENT"],
    [oauth(400, "invalid_scope"), "SCOPE_NOT_ALLOWED", "SCOPE_NOT_ALLOWED"],
    [oauth(400, "invalid_target"), "TARGET_NOT_ALLOWED", "TARGET_NOT_ALLOWED"],
    [oauth(403, "access_denied"), "GRANT_INVALID", "REAUTHENTICATION_REQUIRED"],
    [oauth(400, "interaction_required"), "GRANT_INVALID", "REAUTHENTICATION_REQUIRED"],
    [oauth(400, "login_required"), "GRANT_INVALID", "REAUTHENTICATION_REQUIRED"],
    [oauth(400, "consent_required"), "GRANT_INVALID", "REAUTHENTICATION_REQUIRED"],
    [oauth(400, "invalid_request"), "GRANT_INVALID", "UPSTREAM_INVALID_RESPONSE"],
    [oauth(400, "some_word_of_their_own"), "GRANT_INVALID", "UPSTREAM_INVALID_RESPONSE"],
    [oauth(400, "__proto__"), "GRANT_INVALID", "UPSTREAM_INVALID_RESPONSE"],
    [oauth(429, "slow_down"), "UPSTREAM_RATE_LIMITED", "UPSTREAM_RATE_LIMITED"],
    [{ kind: "html", status: 429 }, "UPSTREAM_RATE_LIMITED", "UPSTREAM_RATE_LIMITED"],
  ];
  it.each(cases)("%o: %s for a code, %s for a refresh token", async (fault, forCode, forRefresh) => {
    fake.faults.next("token", fault, 2);
    expect((await errorOf(redeem())).reason).toBe(forCode);
    expect((await errorOf(refresh())).reason).toBe(forRefresh);
  });

  it("keeps a description and words of the provider's own out of the error, whichever way it is printed", async () => {
    for (const fault of [oauth(400, "invalid_grant"), oauth(400, `${canary}_word`), oauth(500, canary), { kind: "truncate" } as const]) {
      fake.faults.next("token", fault);
      const error = await errorOf(redeem());
      expect(inspect(error, { depth: 10, showHidden: true }) + JSON.stringify(error.cause)).not.toContain(canary);
    }
  });

  it("keeps registered words and the status for the log", async () => {
    fake.faults.next("token", oauth(400, "invalid_grant"));
    expect((await errorOf(redeem())).cause).toEqual({ kind: "upstream", endpoint: "token", status: 400, oauthError: "invalid_grant" });
  });
});

describe("when to ask again after 429", () => {
  it.each<[string, (nowMs: number) => string, number | undefined]>([
    ["seconds", () => "7", 7_000],
    ["at least one second", () => "0", 1_000],
    ["at most an hour", () => "86400", 3_600_000],
    ["a date", (nowMs) => new Date(nowMs + 30_000).toUTCString(), 30_000],
    ["a date in the past", (nowMs) => new Date(nowMs - 30_000).toUTCString(), 1_000],
    ["nonsense", () => "soon", undefined],
    ["a negative number", () => "-5", 1_000],
  ])("reads %s", async (_name, header, expected) => {
    rig.time.nowMs = 1_800_000_000_000;
    fake.faults.next("token", oauth(429, "slow_down", { "retry-after": header(rig.time.nowMs) }));
    expect((await errorOf(refresh())).retryAfterMs).toBe(expected);
  });
});

describe("while nothing can have left", () => {
  it("a refused connection is unavailable: asking again is safe", async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    const { at, other } = await preparedFor(`http://127.0.0.1:${port}/token`);
    expect((await errorOf(redeem(at))).reason).toBe("UPSTREAM_UNAVAILABLE");
    expect((await errorOf(refresh(at))).reason).toBe("UPSTREAM_UNAVAILABLE");
    await other.close();
  });

  it("a handshake that hangs is a timeout: asking again is safe", async () => {
    const server = createServer((socket) => void socket.on("error", () => undefined).resume());
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { at, other } = await preparedFor(`https://127.0.0.1:${(server.address() as AddressInfo).port}/token`);
    expect((await errorOf(redeem(at))).reason).toBe("UPSTREAM_TIMEOUT");
    await other.close();
    await new Promise((resolve) => server.close(resolve));
  });
});

describe("a call that only reads", () => {
  const cases: readonly [string, Fault, Reason][] = [
    ["500", json(500, {}), "UPSTREAM_UNAVAILABLE"],
    ["429", json(429, {}), "UPSTREAM_RATE_LIMITED"],
    ["404", json(404, {}), "UPSTREAM_INVALID_RESPONSE"],
    ["a redirect", { kind: "redirect" }, "UPSTREAM_INVALID_RESPONSE"],
    ["a page", { kind: "html" }, "UPSTREAM_INVALID_RESPONSE"],
    ["no object", json(200, "[]"), "UPSTREAM_INVALID_RESPONSE"],
    ["a reset connection, twice", { kind: "reset" }, "UPSTREAM_UNAVAILABLE"],
    ["no headers in time", { kind: "hang-before-headers" }, "UPSTREAM_TIMEOUT"],
    ["a body that drips on", { kind: "drip" }, "UPSTREAM_TIMEOUT"],
    ["more than 1 MiB", { kind: "huge", bytes: 1024 * 1024 + 1 }, "UPSTREAM_INVALID_RESPONSE"],
  ];
  it.each(cases)("fails on %s", async (_name, fault, reason) => {
    const fresh = createRig({ issuer: fake.issuer, client: fake.client, timeoutMs: shortMs });
    fake.faults.always("discovery", fault);
    fake.faults.always("jwks", fault);
    expect((await errorOf(fresh.provider.prepare(AbortSignal.timeout(5_000)))).reason).toBe(reason);
    expect((await errorOf(rig.discovery.fetchJwks(AbortSignal.timeout(5_000)))).reason).toBe(reason);
    await fresh.close();
  });

  it("takes no key set of more than 256 KiB", async () => {
    fake.faults.next("jwks", { kind: "huge", bytes: 256 * 1024 + 1 });
    expect((await errorOf(rig.discovery.fetchJwks(AbortSignal.timeout(5_000)))).reason).toBe("UPSTREAM_INVALID_RESPONSE");
  });

  it("fails with the caller's deadline when that comes first", async () => {
    fake.faults.always("jwks", { kind: "hang-before-headers" });
    expect((await errorOf(rig.discovery.fetchJwks(AbortSignal.timeout(20)))).reason).toBe("DEADLINE_EXCEEDED");
  });
});
