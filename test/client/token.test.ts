import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ApiError } from "../../src/client/index.ts";
import { eventually } from "../support/eventually.ts";
import { type ClientRig, expiredReply, failureOf, startClientRig, tokenFor } from "./client-rig.ts";

let rig: ClientRig;
beforeEach(async () => {
  rig = await startClientRig();
});
afterEach(() => rig.close());

const bearers = () => new Set(rig.api.seen.map(({ authorization }) => authorization));
const thousand = <T>(call: () => Promise<T>) => Promise.all(Array.from({ length: 1_000 }, call));

/** Holds back what an endpoint answers until the returned function is called. */
function hold(endpoint: ClientRig["exchange"]): () => void {
  const { promise, resolve } = Promise.withResolvers<void>();
  const { reply } = endpoint;
  endpoint.reply = async (seen, number) => {
    await promise;
    return reply(seen, number);
  };
  return () => {
    endpoint.reply = reply;
    resolve();
  };
}

/** The API calls that token expired from now on. */
function asExpired(token: string): void {
  const { reply } = rig.api;
  rig.api.reply = (seen, number) => (seen.authorization === `Bearer ${token}` ? expiredReply : reply(seen, number));
}

describe("one token for everybody", () => {
  it("1,000 parallel fetchWithAuth calls on a cold client cause one exchange", async () => {
    const { fetchWithAuth } = rig.client();
    const responses = await thousand(() => fetchWithAuth("/things"));
    expect(responses.every(({ status }) => status === 200)).toBe(true);
    expect([rig.exchange.seen.length, rig.api.seen.length]).toEqual([1, 1_000]);
    expect([...bearers()]).toEqual(["Bearer token-1"]);
  });

  it("a clock moved past exp − 60 s causes one refresh, not a failed call", async () => {
    const { fetchWithAuth } = rig.client();
    await fetchWithAuth("/things");
    rig.time.nowMs += 839_999;
    await fetchWithAuth("/things");
    expect(rig.exchange.seen.length).toBe(1);
    rig.time.nowMs += 1;
    const responses = await Promise.all(Array.from({ length: 50 }, () => fetchWithAuth("/things")));
    expect(responses.every(({ status }) => status === 200)).toBe(true);
    expect(rig.exchange.seen.length).toBe(2);
    expect([...bearers()]).toEqual(["Bearer token-1", "Bearer token-2"]);
  });

  it("uses a token that lives no longer than two minutes for half its life", async () => {
    rig.exchange.reply = (_, number) => tokenFor(number, { expiresIn: 40 });
    const { getToken } = rig.client();
    await getToken();
    rig.time.nowMs += 19_999;
    expect(await getToken()).toBe("token-1");
    rig.time.nowMs += 1;
    expect(await getToken()).toBe("token-2");
  });

  it("does not take a clock that was set back for a longer life", async () => {
    const { getToken } = rig.client();
    await getToken();
    rig.time.nowMs -= 3_600_000;
    expect(await getToken()).toBe("token-2");
  });

  it("believes in no token for longer than a day, whatever the exchange says", async () => {
    rig.exchange.reply = (_, number) => tokenFor(number, { expiresIn: 1e12 });
    const { getToken } = rig.client();
    await getToken();
    rig.time.nowMs += 86_400_000;
    expect(await getToken()).toBe("token-2");
  });
});

describe("a token that the API calls expired", () => {
  it("is renewed once for 1,000 calls that meet it, and every one of them succeeds", async () => {
    const { fetchWithAuth } = rig.client();
    await fetchWithAuth("/things");
    asExpired("token-1");
    const responses = await thousand(() => fetchWithAuth("/things"));
    expect(responses.filter(({ status }) => status !== 200)).toEqual([]);
    expect(rig.exchange.seen.length).toBe(2);
  });

  it("is not renewed a second time: the second 401 is the answer", async () => {
    rig.api.reply = () => expiredReply;
    const response = await rig.client().fetchWithAuth("/things");
    expect(response.status).toBe(401);
    expect(await response.json()).toEqual({ error: "invalid_token" });
    expect([rig.exchange.seen.length, rig.api.seen.length]).toEqual([2, 2]);
  });

  it("cannot make an exchange per call of an API whose clock is wrong", async () => {
    rig.api.reply = () => expiredReply;
    const { fetchWithAuth } = rig.client();
    for (let call = 0; call < 5; call += 1) await fetchWithAuth("/things");
    expect(rig.exchange.seen.length).toBe(2);
    rig.time.nowMs += 10_000;
    await fetchWithAuth("/things");
    expect(rig.exchange.seen.length).toBe(3);
  });

  it("that ran out meanwhile is not followed by a send in another user's name; what is begun afterwards is the new user's", async () => {
    rig.exchange.reply = (_, number) => tokenFor(number, { userId: number === 1 ? "alice" : "mallory" });
    const { fetchWithAuth } = rig.client();
    await fetchWithAuth("/things");
    rig.time.nowMs += 3_600_000;
    const calls = await Promise.allSettled(
      Array.from({ length: 3 }, () => fetchWithAuth("/transfers", { method: "POST", body: { amount: 5 } })),
    );
    for (const call of calls) expect(call).toMatchObject({ status: "rejected", reason: { status: 409, source: "exchange" } });
    expect(rig.api.seen.length).toBe(1);
    expect((await fetchWithAuth("/things")).status).toBe(200);
    expect(rig.exchange.seen.length).toBe(2);
  });

  it("is not replaced by another user's, in whose name the call was not begun", async () => {
    rig.exchange.reply = (_, number) => tokenFor(number, { userId: number === 1 ? "alice" : "mallory" });
    asExpired("token-1");
    const response = await rig.client().fetchWithAuth("/transfers", { method: "POST", body: { amount: 5 } });
    expect(response.status).toBe(401);
    expect(rig.api.seen.length).toBe(1);
  });

  it.each([
    { how: "the body's reason", reply: { status: 401, body: { reason: "TOKEN_EXPIRED" } } },
    { how: "the reason by its name on the wire", reply: { status: 401, body: { reason: "ERROR_REASON_TOKEN_EXPIRED" } } },
    {
      how: "the detail of a Connect error",
      reply: { status: 401, body: { details: [{ debug: { reason: "ERROR_REASON_TOKEN_EXPIRED" } }] } },
    },
  ])("is known by $how", async ({ reply }) => {
    const { reply: usual } = rig.api;
    rig.api.reply = (seen, number) => (number === 1 ? reply : usual(seen, number));
    expect((await rig.client().fetchWithAuth("/things")).status).toBe(200);
  });

  it.each([
    { what: "another reason", reply: { status: 401, body: { reason: "TOKEN_REVOKED" } } },
    { what: "a challenge that names no error", reply: { status: 401, headers: { "www-authenticate": "Bearer" }, body: "token expired" } },
    { what: "a reason that is not its own", reply: { status: 401, body: '{"__proto__":{"reason":"TOKEN_EXPIRED"}}' } },
    { what: "a 403", reply: { ...expiredReply, status: 403 } },
  ])("is not what $what means", async ({ reply }) => {
    rig.api.reply = () => reply;
    expect((await rig.client().fetchWithAuth("/things")).status).toBe(reply.status);
    expect([rig.exchange.seen.length, rig.api.seen.length]).toEqual([1, 1]);
  });

  it("leads to no second call where the body was a stream, which is gone", async () => {
    rig.api.reply = () => expiredReply;
    const body = new Blob(["a stream"]).stream();
    expect((await rig.client().fetchWithAuth("/things", { method: "POST", body })).status).toBe(401);
    expect(rig.api.seen.map((one) => one.body)).toEqual(["a stream"]);
    expect(rig.exchange.seen.length).toBe(1);
  });
});

describe("a token that was cleared", () => {
  it("is not used again", async () => {
    const { getToken, clearTokenCache } = rig.client();
    await getToken();
    clearTokenCache();
    expect(await getToken()).toBe("token-2");
  });

  it("does not come back by an exchange that was under way", async () => {
    const { getToken, clearTokenCache } = rig.client();
    const release = hold(rig.exchange);
    const waiting = getToken();
    await eventually("the exchange", () => rig.exchange.seen.length === 1);
    rig.exchange.reply = (_, number) => tokenFor(number, { userId: "bob" });
    clearTokenCache();
    expect(await waiting).toBe("token-2");
    release();
    expect(await getToken()).toBe("token-2");
    expect(rig.exchange.seen.length).toBe(2);
  });

  it("is gone after a 401 of the exchange, and the next call asks again", async () => {
    const { getToken } = rig.client();
    await getToken();
    rig.time.nowMs += 900_000;
    const usual = rig.exchange.reply;
    rig.exchange.reply = () => ({ status: 401, body: { error: "invalid_grant", reason: "SESSION_INVALID" } });
    expect(await failureOf(getToken())).toMatchObject({
      name: "ApiError",
      status: 401,
      source: "exchange",
      body: { error: "invalid_grant", reason: "SESSION_INVALID" },
      message: "The token exchange answered with status 401.",
    });
    rig.time.nowMs -= 900_000;
    rig.exchange.reply = usual;
    expect(await getToken()).toBe("token-3");
  });
});

describe("an exchange that fails", () => {
  it.each([
    { status: 503, retryAfter: "7", waitMs: 7_000 },
    { status: 429, retryAfter: "120", waitMs: 120_000 },
    { status: 503, retryAfter: "Fri, 27 Nov 2026 10:00:30 GMT", waitMs: 30_000 },
    { status: 503, retryAfter: "soon", waitMs: 1_000 },
    { status: 503, retryAfter: "0", waitMs: 1_000 },
    { status: 500, retryAfter: "9999999", waitMs: 3_600_000 },
  ])("with $status and Retry-After $retryAfter is left alone for $waitMs ms", async ({ status, retryAfter, waitMs }) => {
    const usual = rig.exchange.reply;
    rig.exchange.reply = () => ({ status, headers: { "retry-after": retryAfter }, body: { error: "temporarily_unavailable" } });
    const { getToken } = rig.client();
    const failures = await Promise.all(Array.from({ length: 20 }, () => failureOf(getToken())));
    expect(failures.every((failure) => failure instanceof ApiError && failure.status === status)).toBe(true);
    rig.exchange.reply = usual;
    rig.time.nowMs += waitMs - 1;
    expect(await failureOf(getToken())).toMatchObject({ status, retryAfterMs: 1, body: { error: "temporarily_unavailable" } });
    expect(rig.exchange.seen.length).toBe(1);
    rig.time.nowMs += 1;
    expect(await getToken()).toBe("token-2");
  });

  it.each([
    { what: "no token", body: { expiresIn: 900, userId: "alice" } },
    { what: "an empty token", body: { token: "", expiresIn: 900, userId: "alice" } },
    { what: "a token with a line break", body: { token: "a\r\nx-injected: 1", expiresIn: 900, userId: "alice" } },
    { what: "an endless token", body: { token: "a".repeat(16_385), expiresIn: 900, userId: "alice" } },
    { what: "a life in words", body: { token: "secret-token", expiresIn: "900", userId: "alice" } },
    { what: "no life", body: { token: "secret-token", expiresIn: 0, userId: "alice" } },
    { what: "no user", body: { token: "secret-token", expiresIn: 900, userId: "" } },
    { what: "a page", body: "<!doctype html>" },
    { what: "a list", body: [] },
    { what: "more than is read", body: { token: "secret-token", expiresIn: 900, userId: "a".repeat(70_000) } },
  ])("with $what in a 200 gives no token, and quotes nothing", async ({ body }) => {
    rig.exchange.reply = () => ({ body });
    const failure = await failureOf(rig.client().fetchWithAuth("/things"));
    expect(failure).toMatchObject({ name: "ApiError", status: 0, body: undefined, message: "The token exchange gave no usable answer." });
    expect(JSON.stringify(failure)).not.toContain("secret-token");
    expect(rig.api.seen).toEqual([]);
  });

  it("by sending the page elsewhere is not followed", async () => {
    rig.exchange.reply = () => ({ status: 302, headers: { location: `${rig.url}/login` } });
    expect(await failureOf(rig.client().getToken())).toMatchObject({ status: 0 });
    expect(rig.api.seen).toEqual([]);
  });

  it("by not answering is waited for no longer than the limit", async () => {
    const release = hold(rig.exchange);
    expect(await failureOf(rig.client({ exchangeTimeoutMs: 30 }).getToken())).toMatchObject({ status: 0, source: "exchange" });
    release();
  });

  it("by being away is an ApiError, and the next call tries again", async () => {
    const options = { fetch: () => Promise.reject(new TypeError("fetch failed: secret-token")) };
    const failure = await failureOf(rig.client(options).getToken());
    expect(failure).toMatchObject({ name: "ApiError", status: 0 });
    expect(String(failure)).not.toContain("secret-token");
  });
});

describe("a caller that leaves", () => {
  it("is told at once, and the exchange goes on for the others", async () => {
    const { fetchWithAuth } = rig.client();
    const release = hold(rig.exchange);
    const leaving = new AbortController();
    const left = failureOf(fetchWithAuth("/things", { signal: leaving.signal }));
    const stays = fetchWithAuth("/things");
    await eventually("the exchange", () => rig.exchange.seen.length === 1);
    leaving.abort(new Error("the user went on"));
    expect(await left).toMatchObject({ message: "the user went on" });
    release();
    expect((await stays).status).toBe(200);
    expect([rig.exchange.seen.length, rig.api.seen.length]).toEqual([1, 1]);
  });

  it("before it began asks for nothing", async () => {
    const failure = await failureOf(rig.client().fetchWithAuth("/things", { signal: AbortSignal.abort() }));
    expect(failure).toMatchObject({ name: "AbortError" });
    expect(rig.exchange.seen).toEqual([]);
  });
});

describe("a page with an exchange of its own", () => {
  it("sends the token that it brings, keeps it, and asks again when it is over", async () => {
    let asked = 0;
    const exchange = async () => ({ token: `own-${(asked += 1)}`, expiresIn: 900, userId: "alice" });
    const { fetchWithAuth } = rig.client({ exchange });
    await thousand(() => fetchWithAuth("/things"));
    rig.time.nowMs += 840_000;
    await fetchWithAuth("/things");
    expect([...bearers()]).toEqual(["Bearer own-1", "Bearer own-2"]);
    expect({ asked, route: rig.exchange.seen.length }).toEqual({ asked: 2, route: 0 });
  });

  it.each([
    ["no token that a header can hold", { token: "a b", expiresIn: 900, userId: "alice" }],
    ["no time", { token: "own", expiresIn: 0, userId: "alice" }],
    ["nobody", { token: "own", expiresIn: 900, userId: "" }],
  ])("is told that there is no usable answer where that has %s", async (_, answer) => {
    const { getToken } = rig.client({ exchange: async () => answer });
    expect(await failureOf(getToken())).toMatchObject({ status: 0, source: "exchange" });
  });

  it("passes its failure on where it is one of the exchange, and hides any other", async () => {
    const refused = rig.client({ exchange: async () => Promise.reject(new ApiError(401, { source: "exchange", body: { reason: "X" } })) });
    expect(await failureOf(refused.getToken())).toMatchObject({ status: 401, body: { reason: "X" } });
    const broken = rig.client({ exchange: async () => Promise.reject(new Error("with a token in it")) });
    expect(await failureOf(broken.getToken())).toMatchObject({ status: 0, message: "The token exchange gave no usable answer." });
  });

  it("does not wait for it without end", async () => {
    const { getToken } = rig.client({ exchange: () => new Promise(() => undefined), exchangeTimeoutMs: 50 });
    expect(await failureOf(getToken())).toMatchObject({ status: 0 });
  });
});
