import { once } from "node:events";
import { connect, createServer } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { LoginFailure } from "../../src/cli/login-failure.ts";
import { listen, type LoginListener } from "../../src/cli/login-listener.ts";
import type { Callback } from "../../src/cli/login-callback.ts";
import { loopbackParts } from "../../src/exchange/redirect-uri.ts";
import { ask, refusalAt } from "./login-rig.ts";

const state = "the-state-that-cambio-made";
const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

async function listening(uri = "http://127.0.0.1/callback"): Promise<LoginListener> {
  const parts = loopbackParts(uri);
  if (parts === undefined) throw new Error("not on loopback");
  const listener = await listen(parts);
  closers.push(listener.close);
  return listener;
}

async function waiting(uri?: string): Promise<{ listener: LoginListener; came: Promise<Callback>; at: (query: string) => string }> {
  const listener = await listening(uri);
  const came = listener.callback(state, new AbortController().signal);
  return { listener, came, at: (query) => `${listener.redirectUri}?${query}` };
}

const good = `code=c0de&state=${state}&iss=https%3A%2F%2Fissuer.example`;
const callback: Callback = { kind: "code", code: "c0de", issuer: "https://issuer.example" };

describe("the loopback listener", () => {
  it.each(["http://127.0.0.1/callback", "http://[::1]/callback", "http://localhost/callback", "http://127.0.0.1"])(
    "takes any free port for %s, and says it in the redirect URI",
    async (uri) => {
      const { came, at, listener } = await waiting(uri);
      const { port, href } = new URL(listener.redirectUri);
      expect(href.replace(`:${port}`, "")).toBe(new URL(uri).href);
      expect((await ask(at(good))).status).toBe(200);
      expect(await came).toEqual(callback);
    },
  );

  it("has localhost on both of its addresses, so that no other program is asked in its place", async () => {
    const { came, listener } = await waiting("http://localhost/callback");
    const { port } = new URL(listener.redirectUri);
    expect((await ask(`http://[::1]:${port}/callback`)).status).toBe(400);
    expect((await ask(`http://127.0.0.1:${port}/callback?${good}`, { host: `localhost:${port}` })).status).toBe(200);
    expect(await came).toEqual(callback);
  });

  it("takes exactly the port that the redirect URI names", async () => {
    const first = await listening("http://localhost/auth/callback");
    const { port } = new URL(first.redirectUri);
    await first.close();
    const { redirectUri } = await listening(`http://localhost:${port}/auth/callback`);
    expect(redirectUri).toBe(`http://localhost:${port}/auth/callback`);
  });

  it.each(["127.0.0.1", "::1"])("says that its port is taken, be it only on %s", async (host) => {
    const other = createServer().listen(0, host);
    closers.push(() => other.close());
    await once(other, "listening");
    const address = other.address();
    const port = typeof address === "object" ? address?.port : undefined;
    const failure = await listening(`http://localhost:${port}/callback`).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(LoginFailure);
    expect(String(failure)).toContain(`another program listens on port ${port} of localhost`);
    const half = host === "::1" ? "127.0.0.1" : "[::1]";
    expect(await refusalAt(`http://${half}:${port}/`)).toBe("ECONNREFUSED");
  });

  it("shows a page without script, copy or referrer, and nothing of the request", async () => {
    const { at } = await waiting();
    const { headers, body } = await ask(at(good));
    expect(headers).toMatchObject({
      "content-security-policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
      "cache-control": "no-store",
      "referrer-policy": "no-referrer",
      "x-content-type-options": "nosniff",
      connection: "close",
    });
    expect(body).toContain("You can close this window.");
    expect(body).not.toContain("c0de");
  });

  it("hands over the provider's refusal", async () => {
    const { came, at } = await waiting();
    await ask(at(`error=access_denied&error_description=No.&state=${state}`));
    expect(await came).toEqual({ kind: "refused", error: "access_denied", description: "No." });
  });

  it("ends its wait, and then all connections, when it is told to", async () => {
    const listener = await listening();
    const stop = new AbortController();
    const came = listener.callback(state, stop.signal);
    stop.abort(new Error("enough"));
    await expect(came).rejects.toThrow("enough");
    await listener.close();
    expect(await refusalAt(listener.redirectUri)).toBe("ECONNREFUSED");
  });

  it("closes soon, whatever request somebody has only begun", async () => {
    const { redirectUri, close } = await listening();
    const halfway = connect(Number(new URL(redirectUri).port), "127.0.0.1");
    const closed = once(halfway, "close");
    halfway.on("error", () => undefined).write("GET /callback HTTP/1.1\r\n");
    // Answered after the other's bytes came.
    await ask(redirectUri);
    const before = performance.now();
    await close();
    await closed;
    expect(performance.now() - before).toBeLessThan(3_000);
  });

  it("waits for nobody whose time was over before", async () => {
    const listener = await listening();
    await expect(listener.callback(state, AbortSignal.abort(new Error("enough")))).rejects.toThrow("enough");
  });

  it("takes nothing before it knows the state, not even an empty one", async () => {
    const { redirectUri } = await listening();
    expect((await ask(`${redirectUri}?code=c0de&state=`)).status).toBe(404);
  });
});

describe("whatever a page or a program of this machine sends to the listener changes nothing", () => {
  const cases: readonly (readonly [attack: string, query: string, more: object, status: number])[] = [
    ["another state", "code=stolen&state=the-state-of-somebody-else", {}, 400],
    ["no state", "code=stolen", {}, 400],
    ["an empty state", "code=stolen&state=", {}, 400],
    ["an error without the state", "error=access_denied", {}, 400],
    ["two states", `code=stolen&state=${state}&state=${state}`, {}, 400],
    ["two codes", `code=c0de&code=stolen&state=${state}`, {}, 400],
    ["two issuers", `${good}&iss=https%3A%2F%2Fother.example`, {}, 400],
    ["a code and an error", `${good}&error=access_denied`, {}, 400],
    ["neither code nor error", `state=${state}`, {}, 400],
    ["a code that no code can be", `code=%0d%0a&state=${state}`, {}, 400],
    ["an issuer that no issuer can be", `code=c0de&state=${state}&iss=%1b`, {}, 400],
    ["a code that is too long", `code=${"c".repeat(2_049)}&state=${state}`, {}, 400],
    ["a host that was rebound to loopback", good, { host: "evil.example" }, 400],
    ["another name of loopback", good, { host: "localhost" }, 400],
    ["POST", good, { method: "POST" }, 404],
    ["HEAD", good, { method: "HEAD" }, 404],
    ["OPTIONS, as a page asks before it reads", good, { method: "OPTIONS" }, 404],
    ["another path", good, { target: `/other?${good}` }, 404],
    ["a path below", good, { target: `/callback/?${good}` }, 404],
    ["a path that means the same", good, { target: `/./callback?${good}` }, 404],
    ["the target of a proxy", good, { target: `http://evil.example/callback?${good}` }, 404],
    ["a target with a host in it", good, { target: `//evil.example/callback?${good}` }, 404],
  ];

  it.each(cases)("%s", async (_, query, more, status) => {
    const { came, at } = await waiting();
    const answer = await ask(at(query), more);
    expect(answer.status).toBe(status);
    expect(answer.headers).toMatchObject({ "cache-control": "no-store", "referrer-policy": "no-referrer" });
    expect(answer.body).not.toMatch(/stolen|state|code|evil/);
    expect((await ask(at(good))).status).toBe(200);
    expect(await came).toEqual(callback);
  });

  it("a second callback after the first", async () => {
    const { came, at } = await waiting();
    const answers = await Promise.all([ask(at(good)), ask(at(good))]);
    expect(answers.map(({ status }) => status).toSorted((one, other) => one - other)).toEqual([200, 404]);
    await came;
    expect((await ask(at(good))).status).toBe(404);
  });

  it("more connections than a browser opens, and one that says nothing", async () => {
    const { came, at, listener } = await waiting();
    const { port } = new URL(listener.redirectUri);
    const silent = Array.from({ length: 16 }, () => connect(Number(port), "127.0.0.1"));
    const closed = Promise.all(silent.map((socket) => once(socket, "close")));
    await Promise.all(silent.map((socket) => once(socket, "connect")));
    expect(await refusalAt(at(good))).toBe("ECONNRESET");
    for (const socket of silent.slice(1)) socket.destroy();
    await expect.poll(() => refusalAt(at(good))).toBeUndefined();
    expect(await came).toEqual(callback);
    await listener.close();
    await closed;
  });
});
