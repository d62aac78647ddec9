import { createServer as createTcpServer, type AddressInfo } from "node:net";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import type { HttpCall } from "../../src/net/http-call.ts";
import { createHttpClient, type HttpCallReport, type HttpClient, type HttpClientOptions } from "../../src/net/http-client.ts";
import { HttpFailure } from "../../src/net/http-failure.ts";
import { createProviderGuard } from "../../src/net/provider-guard.ts";
import { makeCertificate } from "../support/certificate.ts";
import { type FakeProvider, type FakeProviderOptions, startFakeProvider } from "../support/fake-provider.ts";
import type { Fault } from "../support/faults.ts";

const shortMs = 150;
const mebibyte = 1024 * 1024;
const closers: (() => Promise<void>)[] = [];

afterEach(async () => {
  await Promise.all(closers.splice(0).map((close) => close()));
});

async function startFake(options?: FakeProviderOptions): Promise<FakeProvider> {
  const fake = await startFakeProvider(options);
  closers.push(fake.close);
  return fake;
}

function clientFor(origin: string, options: Partial<HttpClientOptions> = {}): { http: HttpClient; calls: HttpCallReport[] } {
  const calls: HttpCallReport[] = [];
  const rules = { allowedOrigins: new Set([origin]), allowHttp: false };
  const http = createHttpClient({
    provider: "main",
    clock: Date.now,
    timeoutMs: 5_000,
    guard: createProviderGuard({ clock: Date.now, random: Math.random }),
    onCall: (call) => void calls.push(call),
    ...rules,
    ...options,
  });
  closers.push(http.close);
  return { http, calls };
}

function post(origin: string): HttpCall {
  const headers = { "content-type": "application/x-www-form-urlencoded" };
  return { endpoint: "token", method: "POST", url: `${origin}/token`, headers, body: "grant_type=x" };
}

function get(origin: string): HttpCall {
  return { endpoint: "jwks", method: "GET", url: `${origin}/jwks`, headers: {} };
}

async function failureOf(work: Promise<unknown>): Promise<HttpFailure> {
  const failure = await work.then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(failure).toBeInstanceOf(HttpFailure);
  return failure as HttpFailure;
}

async function freePort(): Promise<number> {
  const server = createTcpServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

describe("a request that was sent", () => {
  const cases: readonly [string, Fault, HttpFailure["kind"]][] = [
    ["a reset connection", { kind: "reset" }, "unavailable"],
    ["an answer cut short", { kind: "truncate" }, "unavailable"],
    ["no headers in time", { kind: "hang-before-headers" }, "timeout"],
    ["a body that stops", { kind: "hang-in-body" }, "timeout"],
    ["a body that drips on beyond the deadline", { kind: "drip" }, "timeout"],
    ["a body of one byte more than 1 MiB", { kind: "huge", bytes: mebibyte + 1 }, "invalid"],
    ["the same without a length", { kind: "huge", bytes: mebibyte + 1, chunked: true }, "invalid"],
    ["bytes that are not HTTP", { kind: "raw", bytes: "\u0016\u0003\u0001 hello\r\n\r\n" }, "invalid"],
    ["headers of more than 16 KiB", { kind: "raw", bytes: `HTTP/1.1 200 OK\r\nx-long: ${"x".repeat(17_000)}\r\n\r\n` }, "invalid"],
    ["a compressed body that nobody asked for", { kind: "status", status: 200, headers: { "content-encoding": "gzip" } }, "invalid"],
    ["an impossible status", { kind: "raw", bytes: "HTTP/1.1 999 Odd\r\ncontent-length: 0\r\n\r\n" }, "invalid"],
    ["two lengths that differ", { kind: "raw", bytes: "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nxx" }, "invalid"],
  ];
  it.each(cases)("fails on %s, says so, and is not repeated", async (_name, fault, kind) => {
    const fake = await startFake();
    const { http, calls } = clientFor(fake.issuer, { timeoutMs: kind === "timeout" ? shortMs : 5_000 });
    fake.faults.always("token", fault);
    const failure = await failureOf(http.send(post(fake.issuer)));
    expect(failure).toMatchObject({ kind, sent: true });
    expect(fake.callsTo("token")).toBe(1);
    expect(calls).toMatchObject([{ provider: "main", endpoint: "token", status: 0, outcome: kind }]);
  });

  it("destroys its connection when it is given up, so that half an answer is never read as the next one", async () => {
    const fake = await startFake();
    const { http } = clientFor(fake.issuer, { timeoutMs: shortMs });
    fake.faults.next("token", { kind: "hang-in-body" });
    await failureOf(http.send(post(fake.issuer)));
    await expect.poll(() => fake.connections()).toBe(0);
    expect((await http.send(get(fake.issuer))).status).toBe(200);
  });

  it("takes a body of exactly 1 MiB", async () => {
    const fake = await startFake();
    const { http } = clientFor(fake.issuer);
    fake.faults.next("token", { kind: "huge", bytes: mebibyte });
    expect((await (await http.send(post(fake.issuer))).arrayBuffer()).byteLength).toBe(mebibyte);
  });

  it("keeps the smaller limit of a call that names one", async () => {
    const fake = await startFake();
    const { http } = clientFor(fake.issuer);
    fake.faults.next("jwks", { kind: "huge", bytes: 1001, chunked: true });
    expect(await failureOf(http.send({ ...get(fake.issuer), maxBodyBytes: 1000 }))).toMatchObject({ kind: "invalid", sent: true });
  });

  it.each([301, 302, 303, 307, 308])("answers with a %i redirect and does not follow it", async (status) => {
    const fake = await startFake();
    const { http } = clientFor(fake.issuer);
    fake.faults.next("token", { kind: "redirect", status });
    expect((await http.send(post(fake.issuer))).status).toBe(status);
    expect(fake.callsTo("redirect-target")).toBe(0);
  });

  it("asks for no compression and tells nobody about answers' other headers", async () => {
    const fake = await startFake();
    const { http } = clientFor(fake.issuer);
    fake.faults.next("jwks", { kind: "status", status: 200, headers: { "set-cookie": "a=b", "retry-after": "7" } });
    const response = await http.send(get(fake.issuer));
    expect([...response.headers.keys()].toSorted()).toEqual(["content-type", "retry-after"]);
    expect(fake.requests[0]?.headers["accept-encoding"]).toBe("identity");
  });
});

function stopped(): never {
  throw new Error("too late");
}

describe("a call that is announced", () => {
  it("is announced once, before its first byte leaves", async () => {
    const fake = await startFake();
    const { http } = clientFor(fake.issuer);
    const callsWhenAnnounced: number[] = [];
    await http.send({ ...post(fake.issuer), onSending: () => void callsWhenAnnounced.push(fake.callsTo("token")) });
    expect(callsWhenAnnounced).toEqual([0]);
    expect(fake.callsTo("token")).toBe(1);
  });

  it("is announced once more where it is sent once more", async () => {
    const fake = await startFake();
    fake.faults.next("jwks", { kind: "reset" });
    const { http } = clientFor(fake.issuer);
    let announced = 0;
    await http.send({ ...get(fake.issuer), onSending: () => void (announced += 1) });
    expect(announced).toBe(2);
  });

  it("is not announced where no connection is made", async () => {
    const origin = `http://127.0.0.1:${await freePort()}`;
    const { http } = clientFor(origin);
    let announced = 0;
    await failureOf(http.send({ ...post(origin), onSending: () => void (announced += 1) }));
    expect(announced).toBe(0);
  });

  it("reaches nobody where the announcement fails, which is no failure of the endpoint", async () => {
    const fake = await startFake();
    const guard = createProviderGuard({ clock: Date.now, random: Math.random });
    const { http } = clientFor(fake.issuer, { guard });
    // More than it takes to open a circuit.
    for (let call = 0; call < 20; call += 1) {
      const failure = await failureOf(http.send({ ...post(fake.issuer), onSending: stopped }));
      expect(failure).toMatchObject({ sent: false, code: "not_to_be_sent" });
    }
    expect(fake.callsTo("token")).toBe(0);
    expect(guard.circuits()).toEqual([["token", false]]);
    await expect(http.send(post(fake.issuer))).resolves.toBeDefined();
  });
});

describe("a request of which nothing was sent", () => {
  it("is known as such when the connection is refused", async () => {
    const origin = `http://127.0.0.1:${await freePort()}`;
    const { http, calls } = clientFor(origin);
    expect(await failureOf(http.send(post(origin)))).toMatchObject({ kind: "unavailable", sent: false, code: "ECONNREFUSED" });
    expect(calls).toMatchObject([{ outcome: "unavailable" }]);
  });

  it("is known as such when the name does not resolve", async () => {
    const origin = "https://nowhere.invalid";
    const { http } = clientFor(origin);
    expect(await failureOf(http.send(post(origin)))).toMatchObject({ kind: "unavailable", sent: false });
  });

  it("is known as such when the handshake hangs beyond the deadline", async () => {
    const server = createTcpServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const origin = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const { http } = clientFor(origin, { timeoutMs: shortMs });
    const sockets: { destroy(): unknown }[] = [];
    server.on("connection", (socket) => sockets.push(socket));
    expect(await failureOf(http.send(post(origin)))).toMatchObject({ kind: "timeout", sent: false });
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });

  it("is never sent after all when its time ran out while it waited for a connection", async () => {
    const fake = await startFake();
    const { http } = clientFor(fake.issuer);
    fake.faults.always("token", { kind: "hang-before-headers" });
    const [first, second] = [new AbortController(), new AbortController()];
    const hanging = Array.from({ length: 64 }, () => failureOf(http.send({ ...post(fake.issuer), signal: first.signal })));
    await expect.poll(() => fake.callsTo("token")).toBe(64);
    const queued = Array.from({ length: 8 }, () =>
      failureOf(http.send({ ...post(fake.issuer), body: "grant_type=queued", signal: second.signal })),
    );
    second.abort();
    for (const failure of await Promise.all(queued)) expect(failure).toMatchObject({ kind: "timeout", sent: false });
    first.abort();
    for (const failure of await Promise.all(hanging)) expect(failure).toMatchObject({ kind: "timeout", sent: true });
    await Promise.all(Array.from({ length: 80 }, () => http.send(get(fake.issuer))));
    expect(fake.requests.filter((request) => request.body === "grant_type=queued")).toEqual([]);
  });

  it("is refused at once beyond the bound on calls in flight", async () => {
    const fake = await startFake();
    const { http } = clientFor(fake.issuer, { timeoutMs: 400 });
    fake.faults.always("token", { kind: "hang-before-headers" });
    const waiting = Array.from({ length: 512 }, () => failureOf(http.send(post(fake.issuer))));
    expect(await failureOf(http.send(post(fake.issuer)))).toMatchObject({ kind: "unavailable", sent: false, code: "too_many_calls" });
    await Promise.all(waiting);
  });

  it.each([
    ["an origin that is not listed", "http://localhost:1/token", "origin_not_allowed"],
    ["plain http beyond loopback", "http://id.example/token", "plain_http"],
  ])("is not even connected to %s", async (_name, url, code) => {
    const { http } = clientFor("http://id.example");
    expect(await failureOf(http.send({ ...post(""), url }))).toMatchObject({ kind: "invalid", sent: false, code });
  });
});

describe("an idempotent read", () => {
  it("is repeated once after a reset", async () => {
    const fake = await startFake();
    const { http, calls } = clientFor(fake.issuer);
    fake.faults.next("jwks", { kind: "reset" });
    expect((await http.send(get(fake.issuer))).status).toBe(200);
    expect(fake.callsTo("jwks")).toBe(2);
    expect(calls).toMatchObject([{ status: 200, outcome: "answered" }]);
  });

  it("is not repeated a second time, nor after a timeout", async () => {
    const fake = await startFake();
    const { http } = clientFor(fake.issuer, { timeoutMs: shortMs });
    fake.faults.next("jwks", { kind: "reset" }, 2);
    expect(await failureOf(http.send(get(fake.issuer)))).toMatchObject({ kind: "unavailable" });
    fake.faults.next("jwks", { kind: "hang-before-headers" });
    expect(await failureOf(http.send(get(fake.issuer)))).toMatchObject({ kind: "timeout" });
    expect(fake.callsTo("jwks")).toBe(3);
  });

  it("ends when its caller gives up", async () => {
    const fake = await startFake();
    const { http } = clientFor(fake.issuer);
    fake.faults.always("jwks", { kind: "hang-before-headers" });
    const caller = new AbortController();
    const failing = failureOf(http.send({ ...get(fake.issuer), signal: caller.signal }));
    await expect.poll(() => fake.callsTo("jwks")).toBe(1);
    caller.abort();
    expect(await failing).toMatchObject({ kind: "timeout", sent: true });
    expect(await failureOf(http.send({ ...get(fake.issuer), signal: caller.signal }))).toMatchObject({ kind: "timeout", sent: false });
  });
});

describe("TLS", () => {
  let tls: ReturnType<typeof makeCertificate>;
  beforeAll(() => {
    tls = makeCertificate("localhost");
  });

  it("reaches a provider whose certificate is trusted", async () => {
    const fake = await startFake({ tls });
    const { http } = clientFor(fake.issuer, { ca: tls.cert });
    expect((await http.send(get(fake.issuer))).status).toBe(200);
  });

  it.each([
    ["an untrusted certificate", () => ({ served: tls, trusted: makeCertificate("localhost") })],
    [
      "a certificate for another name",
      () => {
        const other = makeCertificate("other.example");
        return { served: other, trusted: other };
      },
    ],
    [
      "an expired certificate",
      () => {
        const old = makeCertificate("localhost", Date.now() - 90 * 86_400_000);
        return { served: old, trusted: old };
      },
    ],
  ])("sends nothing to a server with %s", async (_name, make) => {
    const { served, trusted } = make();
    const fake = await startFake({ tls: served });
    const { http } = clientFor(fake.issuer, { ca: trusted.cert });
    expect(await failureOf(http.send(post(fake.issuer)))).toMatchObject({ kind: "unavailable", sent: false });
    expect(fake.requests).toEqual([]);
  });
});
