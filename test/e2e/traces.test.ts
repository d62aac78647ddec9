import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually } from "../support/eventually.ts";
import { page, registerTokens } from "../support/fake-stack.ts";
import type { CollectedSpan } from "../support/otlp-collector.ts";
import { collectorKey, startTracedStack, type TracedStack } from "../support/traced-stack.ts";
import { grpcJsCaller } from "./grpc-js-caller.ts";
import { connectBinaryCaller, connectJsonCaller, grpcWebCaller } from "./protocol-callers.ts";

const service = "cambio.v1.TokenExchangeService";
const theirs = { trace: "4bf92f3577b34da6a3ce929d0e0e4736", span: "00f067aa0ba902b7" };
const traceparent = `00-${theirs.trace}-${theirs.span}-01`;

const folder = mkdtempSync(join(tmpdir(), "cambio-traces-"));
let stack: TracedStack;
beforeAll(async () => {
  stack = await startTracedStack({ database: { location: { kind: "sqlite", file: join(folder, "cambio.sqlite") } } });
});
afterAll(async () => {
  await stack.close();
  rmSync(folder, { recursive: true });
});

const expiredToken = (): Promise<string> => {
  const now = Math.floor(stack.time.nowMs / 1000);
  return stack.token({ iat: now - 600, exp: now - 300 });
};

let calls = 0;
const freshId = (): string => `traced-${(calls += 1)}`;

describe.each([
  { name: "gRPC over HTTP/2", open: grpcJsCaller, system: "grpc", protocol: "grpc", version: "2", ok: "OK" },
  { name: "gRPC-Web over HTTP/1.1", open: grpcWebCaller, system: "grpc", protocol: "grpc-web", version: "1.1", ok: "OK" },
  { name: "Connect over HTTP/1.1", open: connectJsonCaller, system: "connectrpc", protocol: "connect", version: "1.1", ok: "ok" },
  { name: "Connect over HTTP/2", open: connectBinaryCaller, system: "connectrpc", protocol: "connect", version: "2", ok: "ok" },
])("a call over $name", ({ open, system, protocol, version, ok }) => {
  it("has one SERVER span with its outcome, in the trace of the service that made it", async () => {
    const caller = open(stack.cambio.url);
    const id = freshId();
    const headers = { authorization: stack.authorization("orders"), "x-request-id": id, traceparent, tracestate: "vendor=kept" };
    const answer = await caller.call({ method: "ValidateCrossClient", message: { token: { value: await stack.token() } }, headers });
    caller.close();
    expect(answer.kind).toBe("ok");
    const span = await stack.serverSpan(id);
    expect(span).toMatchObject({
      name: `${service}/ValidateCrossClient`,
      traceId: theirs.trace,
      parentSpanId: theirs.span,
      traceState: "vendor=kept",
      links: [],
      failed: false,
      service: "cambio",
    });
    expect(span.attributes).toEqual({
      "rpc.system.name": system,
      "rpc.method": `${service}/ValidateCrossClient`,
      "rpc.response.status_code": ok,
      "network.protocol.version": version,
      "cambio.reason": "OK",
      "cambio.protocol": protocol,
      "cambio.request_id": id,
      "cambio.client": "orders",
      "cambio.provider": "main",
    });
  });

  it("that is refused says why, and is no failure of ours", async () => {
    const caller = open(stack.cambio.url);
    const id = freshId();
    const headers = { authorization: stack.authorization("orders"), "x-request-id": id };
    const message = { token: { value: await expiredToken() } };
    expect((await caller.call({ method: "ValidateCrossClient", message, headers })).kind).toBe("failed");
    caller.close();
    const span = await stack.serverSpan(id);
    expect(span).toMatchObject({ failed: false, parentSpanId: undefined, attributes: { "error.type": "TOKEN_EXPIRED" } });
    expect(span.attributes).toMatchObject({ "cambio.reason": "TOKEN_EXPIRED", "cambio.client": "orders" });
  });
});

describe("a code exchange by a page", () => {
  it("has a span for all that it waited for, and the provider is told which one it belongs to", async () => {
    const id = freshId();
    const { code, codeVerifier, redirectUri, state } = await stack.newCode();
    const from = stack.provider.requests.length;
    const response = await fetch(`${stack.cambio.url}/api/auth/exchange`, {
      method: "POST",
      headers: { "content-type": "application/json", origin: page, "x-request-id": id },
      body: JSON.stringify({ code, code_verifier: codeVerifier, redirect_uri: redirectUri, state }),
    });
    const tokens = (await response.json()) as Record<string, string>;
    registerTokens(stack.canary, { accessToken: tokens["access_token"], refreshToken: tokens["refresh_token"] });
    expect(response.status).toBe(200);
    const span = await stack.serverSpan(id);
    expect(span).toMatchObject({ name: "POST /api/auth/exchange", parentSpanId: undefined, failed: false });
    expect(span.attributes).toEqual({
      "http.request.method": "POST",
      "http.route": "/api/auth/exchange",
      "http.response.status_code": 200,
      "network.protocol.version": "1.1",
      "cambio.reason": "OK",
      "cambio.protocol": "http",
      "cambio.request_id": id,
      "cambio.client": "web",
      "cambio.provider": "main",
    });
    const children = stack.collector.childrenOf(span);
    expect(children.map(({ name }) => name)).toEqual(["claim code", "take state", "POST token", "issue handle"]);
    for (const child of children) {
      expect(child.kind).toBe("client");
      expect(child.startMs).toBeGreaterThanOrEqual(span.startMs);
    }
    expect(children[0]?.attributes).toEqual({ "db.system.name": "sqlite", "db.query.summary": "claim code" });
    const [asked] = stack.provider.requests.slice(from).filter(({ endpoint }) => endpoint === "token");
    const { hostname, port } = new URL(stack.provider.issuer);
    expect(children[2]?.attributes).toEqual({
      "http.request.method": "POST",
      "server.address": hostname,
      "server.port": Number(port),
      "http.response.status_code": 200,
      "cambio.provider": "main",
      "cambio.endpoint": "token",
    });
    expect(asked?.headers["traceparent"]).toBe(`00-${span.traceId}-${children[2]?.spanId}-01`);
    const line = stack.cambio.logLines().find((one) => one["request_id"] === id);
    expect(line?.["trace_id"]).toBe(span.traceId);
    expect(stack.cambio.auditLines().some((one) => "trace_id" in one)).toBe(false);
  });

  it("that fails at the provider shows where", async () => {
    const { code, codeVerifier, redirectUri, state } = await stack.newCode();
    stack.provider.faults.next("token", { kind: "status", status: 503 });
    const id = freshId();
    const message = { clientId: "web", provider: "main", authorizationCode: { code, codeVerifier, redirectUri, state } };
    const { status } = await stack.cambio.rpc("Exchange", message, { origin: page, "x-request-id": id });
    expect(status).toBeGreaterThanOrEqual(400);
    const span = await stack.serverSpan(id);
    const [call] = stack.collector.childrenOf(span).filter(({ name }) => name === "POST token");
    expect(call?.attributes).toMatchObject({ "http.response.status_code": 503, "error.type": "503" });
  });
});

describe("a refresh with a database", () => {
  it("nests the provider's call in the rotation of the handle", async () => {
    const { code, codeVerifier, redirectUri, state } = await stack.newCode();
    const message = { clientId: "web", provider: "main", authorizationCode: { code, codeVerifier, redirectUri, state } };
    const exchanged = await stack.cambio.rpc("Exchange", message, { origin: page });
    const refreshToken = (exchanged.body["tokens"] as Record<string, string>)["refreshToken"];
    const id = freshId();
    await stack.cambio.rpc("Refresh", { clientId: "web", refreshToken }, { origin: page, "x-request-id": id });
    const span = await stack.serverSpan(id);
    const children = stack.collector.childrenOf(span);
    expect(children.map(({ name }) => name)).toEqual(["find handle", "rotate handle"]);
    const [, rotation] = children;
    expect(rotation?.kind).toBe("internal");
    expect(rotation === undefined ? [] : stack.collector.childrenOf(rotation).map(({ name }) => name)).toEqual(["POST token"]);
  });
});

const revoke = async (value: string, type: string): Promise<readonly CollectedSpan[]> => {
  const id = freshId();
  const message = { clientId: "web", provider: "main", token: { value, type } };
  expect((await stack.cambio.rpc("Revoke", message, { origin: page, "x-request-id": id })).status).toBe(200);
  return stack.collector.childrenOf(await stack.serverSpan(id));
};

describe("a revocation", () => {
  it("shows what ends here, and the provider being told", async () => {
    const { code, codeVerifier, redirectUri, state } = await stack.newCode();
    const message = { clientId: "web", provider: "main", authorizationCode: { code, codeVerifier, redirectUri, state } };
    const { body } = await stack.cambio.rpc("Exchange", message, { origin: page });
    const tokens = body["tokens"] as Record<string, string>;
    const ended = await revoke(tokens["refreshToken"] ?? "", "urn:ietf:params:oauth:token-type:refresh_token");
    expect(ended.map(({ name }) => name)).toEqual(["find handle", "end handle", "tell provider"]);
    const telling = ended.at(-1);
    expect(telling === undefined ? [] : stack.collector.childrenOf(telling).map(({ name }) => name)).toEqual(["POST revocation"]);
    const token = await revoke(tokens["accessToken"] ?? "", "urn:ietf:params:oauth:token-type:access_token");
    expect(token.map(({ name }) => name)).toEqual(["revoke", "tell provider"]);
  });
});

describe("a provider", () => {
  it("learns which span asks and nothing else: no tracestate, no baggage of whoever calls", async () => {
    const fresh = await startTracedStack();
    const theirsToo = { traceparent, tracestate: "vendor=kept-inside", baggage: "user=kept-inside" };
    const headers = { authorization: fresh.authorization("orders"), "x-request-id": "outward", ...theirsToo };
    expect((await fresh.cambio.rpc("ValidateCrossClient", { token: { value: await fresh.token() } }, headers)).status).toBe(200);
    const children = fresh.collector.childrenOf(await fresh.serverSpan("outward"));
    const asked = fresh.provider.requests.map((request) => request.headers);
    expect(asked.map((sent) => sent["traceparent"])).toEqual(children.map(({ spanId }) => `00-${theirs.trace}-${spanId}-01`));
    expect(asked).toHaveLength(2);
    expect(JSON.stringify(asked)).not.toContain("kept-inside");
    expect(fresh.collector.requests.some(({ body }) => body.includes("user=kept-inside"))).toBe(false);
    await fresh.close();
  });
});

describe("a trace that a stranger says it belongs to", () => {
  it.each([
    ["a public caller", () => ({})],
    ["a caller whose proof is wrong", () => ({ authorization: `Basic ${btoa("orders:guessed-wrong-secret")}` })],
  ] as const)("is not continued, only pointed at: %s", async (_who, credentials) => {
    const id = freshId();
    const headers = { "x-request-id": id, traceparent, tracestate: "vendor=planted", ...credentials() };
    await stack.cambio.rpc("Refresh", { clientId: "web", refreshToken: "unknown" }, { origin: page, ...headers });
    const span = await stack.serverSpan(id);
    expect(span.traceId).not.toBe(theirs.trace);
    expect(span).toMatchObject({ parentSpanId: undefined, traceState: undefined });
    expect(span.links).toMatchObject([{ traceId: theirs.trace, spanId: theirs.span }]);
  });

  it("cannot make it be sampled", async () => {
    const never = await startTracedStack({}, { sample_ratio: 0 });
    const headers = { origin: page, traceparent };
    const { status } = await never.cambio.rpc("CreateAuthorizationUrl", { clientId: "web", codeChallenge: "c".repeat(43) }, headers);
    expect(status).toBe(200);
    // The provider is told all the same that nothing is sampled; a service's own decision stands.
    expect(never.provider.requests.find(({ endpoint }) => endpoint === "discovery")?.headers["traceparent"]).toMatch(/-00$/);
    const sampled = await never.token();
    const asOrders = { authorization: never.authorization("orders"), traceparent, "x-request-id": "sampled-upstream" };
    await never.cambio.rpc("ValidateCrossClient", { token: { value: sampled } }, asOrders);
    expect((await never.serverSpan("sampled-upstream")).traceId).toBe(theirs.trace);
    await never.close();
    expect(never.collector.spans.filter(({ kind }) => kind === "server")).toHaveLength(1);
  });
});

describe("what is not worth a span", () => {
  it("has none: probes, scrapes, health, reflection, preflights and what does not exist", async () => {
    const before = stack.collector.spans.length;
    for (const path of ["/livez", "/readyz", "/metrics", "/nothing", "/grpc.health.v1.Health/Check"]) {
      await (await fetch(`${stack.cambio.url}${path}`, { headers: { "x-request-id": freshId() } })).text();
    }
    const last = freshId();
    await stack.cambio.rpc("Refresh", { clientId: "web", refreshToken: "unknown" }, { origin: page, "x-request-id": last });
    await stack.serverSpan(last);
    expect(stack.collector.spans.slice(before).map(({ name }) => name)).toEqual(["find handle", `${service}/Refresh`]);
  });
});

describe("the collector", () => {
  it("gets its key with every request, and the metrics count what it took", async () => {
    await eventually("an export", () => stack.collector.requests.length > 0);
    expect(stack.collector.requests.every(({ headers }) => headers["x-key"] === collectorKey)).toBe(true);
    expect(await stack.cambio.metric("cambio_trace_spans_total", { outcome: "exported" })).toBeGreaterThan(0);
  });
});
