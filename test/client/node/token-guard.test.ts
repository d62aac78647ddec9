import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { TokenGuardOptions } from "../../../src/client/node/index.ts";
import { createTokenGuard } from "../../../src/client/node/index.ts";
import { type GuardRig, startGuardRig } from "./guard-rig.ts";

let rig: GuardRig;
beforeAll(async () => {
  rig = await startGuardRig();
});
afterAll(() => rig.close());

const bearer = (token: string) => [`Bearer ${token}`];
const seconds = () => Math.floor(rig.stack.time.nowMs / 1_000);

const ways: readonly { readonly way: string; readonly cambio: () => TokenGuardOptions["cambio"] }[] = [
  { way: "Connect, by Cambio's address", cambio: () => rig.stack.cambio.url },
  { way: "gRPC, by a transport", cambio: () => rig.grpc },
];

describe.each(ways)("over $way", ({ cambio }) => {
  it("lets a good token through, with its claims", async () => {
    const { check } = rig.guard({ cambio: cambio() }).requireToken({ audience: "orders", scopes: ["orders:read"] });
    const exp = seconds() + 3_600;
    const act = { sub: "helper", client_id: "desk" };
    expect(await check(bearer(await rig.stack.token({ exp, act, email: "alice@example.com" })))).toEqual({
      kind: "allowed",
      claims: {
        issuer: rig.stack.provider.issuer,
        subject: "alice",
        clientId: "cambio",
        audiences: ["https://orders.example"],
        scopes: ["orders:read"],
        issuedAt: new Date(seconds() * 1_000),
        expiresAt: new Date(exp * 1_000),
        tokenId: expect.any(String),
        actors: [{ issuer: expect.any(String), subject: "helper", clientId: "desk" }],
        name: "",
        preferredUsername: "",
        email: "alice@example.com",
      },
    });
  });

  it("says of an expired token when it expired", async () => {
    const { check } = rig.guard({ cambio: cambio() }).requireToken();
    const exp = seconds() - 30;
    expect(await check(bearer(await rig.stack.token({ iat: exp - 600, exp })))).toMatchObject({
      kind: "denied",
      status: 401,
      error: "invalid_token",
      reason: "TOKEN_EXPIRED",
      expiredAt: new Date(exp * 1_000),
      requestId: expect.stringMatching(/^[\w.-]+$/),
    });
  });

  it.each([
    {
      what: "for another audience",
      claims: { aud: "https://other.example" },
      status: 403,
      error: "access_denied",
      reason: "AUDIENCE_MISMATCH",
    },
    {
      what: "of a client that is not trusted",
      claims: { client_id: "x" },
      status: 403,
      error: "access_denied",
      reason: "CLIENT_NOT_TRUSTED",
    },
    {
      what: "of another issuer",
      claims: { iss: "https://evil.example" },
      status: 401,
      error: "invalid_token",
      reason: "ISSUER_NOT_TRUSTED",
    },
    { what: "without a needed scope", claims: { scope: "orders" }, status: 403, error: "insufficient_scope", reason: "SCOPE_INSUFFICIENT" },
    { what: "that is bound to a key", claims: { cnf: { jkt: "x" } }, status: 401, error: "invalid_token", reason: "PROOF_REQUIRED" },
  ])("refuses a token $what: $status", async ({ claims, status, error, reason }) => {
    const { check } = rig.guard({ cambio: cambio() }).requireToken({ scopes: ["orders:read"] });
    expect(await check(bearer(await rig.stack.token(claims)))).toMatchObject({ kind: "denied", status, error, reason });
  });
});

describe("no decision", () => {
  it("is made with wrong credentials of the service itself, and its operator is told", async () => {
    const told: string[] = [];
    const credentials = { clientId: "orders", clientSecret: "wrong" };
    const { check } = rig.guard({ credentials, onUndecided: (reason) => told.push(reason) }).requireToken();
    expect(await check(bearer(await rig.stack.token()))).toMatchObject({ kind: "undecided", reason: "CALLER_UNAUTHENTICATED" });
    expect(told).toEqual(["CALLER_UNAUTHENTICATED"]);
  });

  it("is made for an audience that the service may not ask about", async () => {
    const { check } = rig.guard().requireToken({ audience: "payments" });
    expect(await check(bearer(await rig.stack.token()))).toMatchObject({ kind: "undecided" });
  });

  it("is made while the provider's keys cannot be had, and it is not remembered", async () => {
    const away = await startGuardRig();
    try {
      const token = await away.stack.token();
      const { check } = away.guard().requireToken();
      away.stack.provider.faults.always("discovery", { kind: "status", status: 503 });
      expect(await check(bearer(token))).toMatchObject({ kind: "undecided", retryAfterMs: expect.any(Number) });
      away.stack.provider.faults.clear();
      away.stack.time.nowMs += 120_000;
      expect(await check(bearer(token))).toMatchObject({ kind: "allowed" });
    } finally {
      await away.close();
    }
  });

  it("is made where Cambio is away", async () => {
    const gone = await rig.stack.another();
    await gone.close();
    const { check } = rig.guard({ cambio: gone.url }).requireToken();
    expect(await check(bearer(await rig.stack.token()))).toMatchObject({ kind: "undecided", reason: "Unavailable" });
  });

  it("is made in time where Cambio takes calls and does not answer", async () => {
    const sockets = new Set<Socket>();
    const deaf = createServer((socket) => sockets.add(socket.on("error", () => undefined))).listen(0, "localhost");
    await once(deaf, "listening");
    const { check } = rig.guard({ cambio: `http://localhost:${(deaf.address() as AddressInfo).port}`, timeoutMs: 40 }).requireToken();
    expect(await check(bearer(await rig.stack.token()))).toMatchObject({ kind: "undecided", reason: "DeadlineExceeded" });
    for (const socket of sockets) socket.destroy();
    deaf.close();
  });

  it("is made where something else than Cambio answers", async () => {
    const { check } = rig.guard({ cambio: rig.stack.provider.issuer }).requireToken();
    expect(await check(bearer(await rig.stack.token()))).toMatchObject({ kind: "undecided" });
  });
});

describe("what is remembered", () => {
  it("is asked for once by 100 parallel requests with one token", async () => {
    const { check } = rig.guard().requireToken();
    const before = rig.questions();
    const token = await rig.stack.token();
    const decisions = await Promise.all(Array.from({ length: 100 }, () => check(bearer(token))));
    expect(decisions.every(({ kind }) => kind === "allowed")).toBe(true);
    expect(rig.questions()).toBe(before + 1);
  });

  it("is used until valid_until and not a moment longer, hits or not", async () => {
    const { check } = rig.guard().requireToken();
    const token = await rig.stack.token();
    const before = rig.questions();
    await check(bearer(token));
    rig.stack.time.nowMs += 59_999;
    await check(bearer(token));
    expect(rig.questions()).toBe(before + 1);
    rig.stack.time.nowMs += 1;
    await check(bearer(token));
    expect(rig.questions()).toBe(before + 2);
  });

  it("does not outlive the token's own end, less the buffer", async () => {
    const { check } = rig.guard().requireToken();
    const token = await rig.stack.token({ exp: seconds() + 90 });
    expect(await check(bearer(token))).toMatchObject({ kind: "allowed" });
    rig.stack.time.nowMs += 31_000;
    expect(await check(bearer(token))).toMatchObject({ kind: "denied", reason: "TOKEN_EXPIRED" });
  });

  it("does not last longer by a clock that is behind, or is set back", async () => {
    const clock = { behindMs: 3_600_000 };
    const { check } = rig.guard({ now: () => rig.stack.time.nowMs - clock.behindMs }).requireToken();
    const token = await rig.stack.token();
    const before = rig.questions();
    await check(bearer(token));
    clock.behindMs -= 60_000;
    await check(bearer(token));
    expect(rig.questions()).toBe(before + 2);
    clock.behindMs += 1_000;
    await check(bearer(token));
    expect(rig.questions()).toBe(before + 3);
  });

  it("is never a refusal", async () => {
    const { check } = rig.guard().requireToken({ scopes: ["orders:write"] });
    const token = await rig.stack.token();
    const before = rig.questions();
    await check(bearer(token));
    await check(bearer(token));
    expect(rig.questions()).toBe(before + 2);
  });

  it("is bounded: the longest unused goes", async () => {
    const { check } = rig.guard({ maxEntries: 2 }).requireToken();
    const tokens = await Promise.all([1, 2, 3].map((number) => rig.stack.token({ jti: `bounded-${number}` })));
    for (const token of tokens) await check(bearer(token));
    const before = rig.questions();
    await check(bearer(tokens[2] ?? ""));
    expect(rig.questions()).toBe(before);
    await check(bearer(tokens[0] ?? ""));
    expect(rig.questions()).toBe(before + 1);
  });

  it("is no answer to another question about the same token", async () => {
    const guard = rig.guard();
    const token = await rig.stack.token({ scope: "a b" });
    expect(await guard.requireToken({ scopes: ["a"] }).check(bearer(token))).toMatchObject({ kind: "allowed" });
    expect(await guard.requireToken({ scopes: ["a", "c"] }).check(bearer(token))).toMatchObject({ kind: "denied" });
    const before = rig.questions();
    expect(await guard.requireToken({ scopes: ["b", "a", "a"] }).check(bearer(token))).toMatchObject({ kind: "allowed" });
    expect(await guard.requireToken({ scopes: ["a", "b"] }).check(bearer(token))).toMatchObject({ kind: "allowed" });
    expect(rig.questions()).toBe(before + 1);
  });

  it("reaches each request as claims of its own", async () => {
    const { check } = rig.guard().requireToken();
    const token = await rig.stack.token();
    const first = await check(bearer(token));
    if (first.kind === "allowed") {
      first.claims.expiresAt.setTime(0);
      (first.claims.scopes as string[]).push("admin");
    }
    expect(await check(bearer(token))).toMatchObject({
      claims: { scopes: ["orders:read"], expiresAt: new Date((seconds() + 3_600) * 1_000) },
    });
  });
});

it("a scope that could break out of a header is refused where the guard is made", () => {
  const guard = createTokenGuard({ cambio: rig.transport });
  for (const scope of ['a"', "a b", "", "a\r\nx: y", "ä"]) expect(() => guard.requireToken({ scopes: [scope] })).toThrow(TypeError);
});
