import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Reason } from "../../src/exchange/errors.ts";
import { refusal } from "../exchange/fixtures.ts";
import { answering, type FakeSessionServer, startFakeSessionServer } from "../support/fake-session-server.ts";
import type { Fault } from "../support/faults.ts";
import { startFaultProxy } from "../support/fault-proxy.ts";
import { createSessionRig, type SessionRig } from "../support/session-rig.ts";
import { startHangingEndpoint } from "../support/tcp-hang.ts";

const id = "x".repeat(32);
const cookie = `${id}.${Buffer.alloc(32, 7).toString("base64")}`;
const inAnHour = () => new Date(Date.now() + 3_600_000).toISOString();
const told = (session: object = {}, user: object = {}) => ({
  session: { token: id, userId: "u1", expiresAt: inAnHour(), ...session },
  user: { id: "u1", name: "Ann", email: "ann@example.com", ...user },
});

let site: FakeSessionServer;
let rig: SessionRig;
beforeAll(async () => {
  site = await startFakeSessionServer();
});
afterAll(() => site.close());
beforeEach(() => {
  rig = createSessionRig(site.url, { timeoutMs: 300 });
});
afterEach(async () => {
  site.faults.clear();
  await rig.close();
});

describe("an answer that is none", () => {
  it.each<[string, Fault, Reason]>([
    ["an empty body", answering(""), "UPSTREAM_INVALID_RESPONSE"],
    ["a list", answering([told()]), "UPSTREAM_INVALID_RESPONSE"],
    ["true", answering("true"), "UPSTREAM_INVALID_RESPONSE"],
    ["half an object", answering('{"session":{'), "UPSTREAM_INVALID_RESPONSE"],
    [
      "a user twice, of whom readers may take either",
      answering('{"session":{},"user":{"id":"a"},"user":{"id":"b"}}'),
      "UPSTREAM_INVALID_RESPONSE",
    ],
    ["nesting without end", answering(`{"session":${"[".repeat(90)}${"]".repeat(90)}}`), "UPSTREAM_INVALID_RESPONSE"],
    ["a page of HTML", { kind: "html" }, "UPSTREAM_INVALID_RESPONSE"],
    ["null that is labelled as text", answering("null", 200, { "content-type": "text/plain" }), "UPSTREAM_INVALID_RESPONSE"],
    ["a good session under another status", answering(told(), 201), "UPSTREAM_INVALID_RESPONSE"],
    ["an error under 200", { kind: "error-in-200", error: "invalid" }, "UPSTREAM_INVALID_RESPONSE"],
    ["a redirect", { kind: "redirect" }, "UPSTREAM_INVALID_RESPONSE"],
    ["a redirect with its method kept", { kind: "redirect", status: 307 }, "UPSTREAM_INVALID_RESPONSE"],
    ["401", answering({}, 401), "UPSTREAM_INVALID_RESPONSE"],
    ["403", answering({}, 403), "UPSTREAM_INVALID_RESPONSE"],
    ["404: it is mounted elsewhere", answering({}, 404), "UPSTREAM_INVALID_RESPONSE"],
    ["429", answering({}, 429), "UPSTREAM_RATE_LIMITED"],
    ["500, whatever it says", answering(told(), 500), "UPSTREAM_UNAVAILABLE"],
    ["500 and null", answering("null", 500), "UPSTREAM_UNAVAILABLE"],
    ["503", answering({}, 503), "UPSTREAM_UNAVAILABLE"],
    ["a broken connection", { kind: "reset" }, "UPSTREAM_UNAVAILABLE"],
    ["an answer that is cut off", { kind: "truncate" }, "UPSTREAM_UNAVAILABLE"],
    ["silence", { kind: "hang-before-headers" }, "UPSTREAM_TIMEOUT"],
    ["headers and silence", { kind: "hang-after-headers" }, "UPSTREAM_TIMEOUT"],
    ["half an answer and silence", { kind: "hang-in-body" }, "UPSTREAM_TIMEOUT"],
    ["bytes without end, at a steady pace", { kind: "drip" }, "UPSTREAM_TIMEOUT"],
    ["more than a MiB", { kind: "huge", bytes: 1_048_577 }, "UPSTREAM_INVALID_RESPONSE"],
    ["more than a MiB without saying how much", { kind: "huge", bytes: 1_048_577, chunked: true }, "UPSTREAM_INVALID_RESPONSE"],
    ["bytes that are no HTTP", { kind: "raw", bytes: "SSH-2.0-x\r\n" }, "UPSTREAM_INVALID_RESPONSE"],
  ])("decides nothing: %s", async (_what, fault, reason) => {
    site.faults.always("session", fault);
    await expect(rig.read(cookie)).rejects.toThrow(refusal(reason));
    expect(site.redirected()).toBe(0);
  });

  it.each<[string, unknown]>([
    ["no session", { user: { id: "u1" } }],
    ["no user", { session: told().session }],
    ["null for a user", { session: told().session, user: null }],
    ["a user without an id", told({}, { id: undefined })],
    ["a user with an empty id", told({ userId: "" }, { id: "" })],
    ["a user whose id is a number", told({ userId: 1 }, { id: 1 })],
    ["a user whose id has no end", told({ userId: "u".repeat(300) }, { id: "u".repeat(300) })],
    ["a session of somebody else", told({ userId: "u2" })],
    ["a session of nobody", told({ userId: undefined })],
    ["another session: something in between kept it", told({ token: "y".repeat(32) })],
    ["no end", told({ expiresAt: undefined })],
    ["an end that is a number", told({ expiresAt: Date.now() + 60_000 })],
    ["an end that is a word", told({ expiresAt: "tomorrow" })],
    ["an end on a day that is none", told({ expiresAt: "2099-13-45T00:00:00Z" })],
    ["a ban that is neither yes nor no", told({}, { banned: 1 })],
    ["a ban until nobody knows when", told({}, { banned: true, banExpires: "later" })],
    ["somebody looking without a name", told({ impersonatedBy: "" })],
    ["somebody looking whose name is no text", told({ impersonatedBy: { id: "u2" } })],
  ])("decides nothing: %s", async (_what, body) => {
    site.faults.always("session", answering(body));
    await expect(rig.read(cookie)).rejects.toThrow(
      refusal("UPSTREAM_INVALID_RESPONSE", { cause: expect.objectContaining({ kind: "upstream", endpoint: "session", status: 200 }) }),
    );
  });

  it("is no failure of the session: no word of it is SESSION_INVALID, and none is in the error", async () => {
    site.faults.always("session", { kind: "error-in-200", error: "canary" });
    const failure = await rig.read(cookie).catch((thrown: unknown) => thrown);
    expect(failure).toEqual(refusal("UPSTREAM_INVALID_RESPONSE"));
    expect(JSON.stringify(failure)).not.toMatch(/canary|x{32}/);
  });
});

describe("an answer", () => {
  it("may leave out what only informs, or have it in a shape that counts as not known", async () => {
    const more = { name: null, email: 7, emailVerified: "true", image: `data:image/png;base64,${"A".repeat(9_000)}`, username: ["x"] };
    site.faults.always("session", answering(told({ token: undefined, impersonatedBy: null }, more)));
    expect((await rig.read(cookie)).account).toEqual({
      providerUserId: "u1",
      username: "",
      displayName: "",
      email: "",
      emailVerified: false,
      avatarUrl: "",
    });
  });

  it("is asked for again each time: a session that ended meanwhile is noticed by the next question, however soon", async () => {
    site.faults.next("session", answering(told()));
    site.faults.next("session", answering("null"));
    const answers = await Promise.allSettled([rig.read(cookie), rig.read(cookie)]);
    expect(answers.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
  });

  it("sets no cookie and follows no hint: the next question is like the first", async () => {
    site.faults.always("session", answering(told(), 200, { "set-cookie": "better-auth.session_token=other", "set-auth-jwt": "a.b.c" }));
    const before = site.requests.length;
    await rig.read(cookie);
    await rig.read(cookie);
    const [first, second] = site.requests.slice(before).map(({ method, path, headers }) => ({ method, path, cookie: headers.cookie }));
    expect(second).toEqual(first);
    expect(first).toMatchObject({ method: "GET", cookie: `better-auth.session_token=${encodeURIComponent(cookie)}` });
  });

  it("is read where the application is mounted, with or without a slash after its address", async () => {
    const elsewhere = createSessionRig(`${site.url}/`, { basePath: "/id/v2" });
    site.faults.always("session", answering(told()));
    await elsewhere.read(cookie);
    expect(site.requests.at(-1)?.path).toBe("/id/v2/get-session?disableCookieCache=true&disableRefresh=true");
    await elsewhere.close();
  });
});

describe("an application that is away", () => {
  it("never says a word: the call ends in its time, and one that gives up before says so", async () => {
    const endpoint = await startHangingEndpoint();
    const waiting = createSessionRig(`http://127.0.0.1:${endpoint.port}`, { timeoutMs: 200 });
    await expect(waiting.read(cookie)).rejects.toThrow(refusal("UPSTREAM_TIMEOUT"));
    await expect(waiting.read(cookie, "cookie", AbortSignal.timeout(20))).rejects.toThrow(refusal("DEADLINE_EXCEEDED"));
    await waiting.close();
    await endpoint.stop();
  });

  it("has its read sent once more after a connection that broke, as nothing is spent by it", async () => {
    const proxy = await startFaultProxy(Number(new URL(site.url).port));
    const asking = createSessionRig(`http://127.0.0.1:${proxy.port}`);
    site.faults.always("session", answering(told()));
    proxy.next({ kind: "reset", at: "answer" });
    expect((await asking.read(cookie)).account.providerUserId).toBe("u1");
    expect(proxy.met()).toBe(1);
    await asking.close();
    await proxy.close();
  });

  it("is left alone when it fails again and again, and every caller is told when to come back", async () => {
    site.faults.always("session", answering({}, 500));
    const failures = [];
    for (const _ of Array.from({ length: 40 })) failures.push(await rig.read(cookie).catch((thrown: unknown) => thrown));
    expect(failures.at(-1)).toEqual(refusal("UPSTREAM_UNAVAILABLE", { unasked: true, retryAfterMs: expect.any(Number) }));
  });
});
