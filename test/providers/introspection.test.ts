import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Reason } from "../../src/exchange/errors.ts";
import { Secret } from "../../src/exchange/secret.ts";
import { createHttpClient, type HttpClient } from "../../src/net/http-client.ts";
import { createProviderGuard } from "../../src/net/provider-guard.ts";
import { createActingClients } from "../../src/providers/acting-clients.ts";
import { allowedOriginsOf, createDiscovery } from "../../src/providers/discovery.ts";
import { createIntrospection, type Introspect } from "../../src/providers/introspection.ts";
import { refusal } from "../exchange/fixtures.ts";
import { type FakeProvider, type FakeProviderOptions, startFakeProvider } from "../support/fake-provider.ts";
import type { Fault } from "../support/faults.ts";

const patience = (): AbortSignal => AbortSignal.timeout(5_000);
const shortMs = 300;

let fake: FakeProvider;
let http: HttpClient;
let introspect: Introspect;

async function start(options: FakeProviderOptions = {}): Promise<void> {
  fake = await startFakeProvider(options);
  const addresses = { issuer: fake.issuer, endpoints: {} };
  const rules = { allowedOrigins: allowedOriginsOf(addresses, []), allowHttp: false };
  const guard = createProviderGuard({ clock: Date.now, random: Math.random });
  http = createHttpClient({ ...rules, provider: "main", timeoutMs: shortMs, clock: Date.now, guard });
  const discovery = createDiscovery({ http, clock: Date.now }, { ...rules, ...addresses, discovery: true });
  const { id, secret, authentication } = fake.client;
  const client = { id, secret: secret === undefined ? undefined : new Secret(secret), authentication };
  introspect = createIntrospection(
    { http, clock: Date.now, discovery },
    {
      issuer: fake.issuer,
      client,
      actingClients: createActingClients({ orders: { id: "orders", secret: new Secret("orders-secret"), authentication: "basic" } }),
    },
  );
}
async function stop(): Promise<void> {
  await fake.close();
  await http.close();
}
beforeEach(() => start());
afterEach(stop);

const ask = (token = fake.mintOpaque(), aud: readonly string[] = []) => introspect(new Secret(token), aud, patience());
/** Who asked last. */
const asker = () => {
  const { authorization = "" } = fake.requests.findLast(({ endpoint }) => endpoint === "introspection")?.headers ?? {};
  return Buffer.from(authorization.slice(6), "base64").toString().split(":")[0];
};
const answered = (body: unknown, status = 200): Fault => ({ kind: "status", status, body });

describe("asking a provider about a token", () => {
  it.each<[string, readonly string[], string]>([
    ["this service itself where the token is for it", ["orders", "cambio"], "cambio"],
    ["the registration of the audience that the token is for, as some tell nobody else", ["inventory", "orders"], "orders"],
    ["this service itself where the token is for none of them", ["inventory"], "cambio"],
    ["this service itself where nobody knows whom it is for", [], "cambio"],
  ])("is done by %s", async (_who, aud, expected) => {
    await stop();
    await start({
      clients: [
        { id: "cambio", secret: "s3cret/+: %&=~", authentication: "basic" },
        { id: "orders", secret: "orders-secret", authentication: "basic" },
      ],
    });
    await ask(fake.mintOpaque(), aud);
    expect([asker(), fake.violations]).toEqual([expected, []]);
  });

  it.each([
    { id: "cambio", secret: "s3cret/+: %&=~", authentication: "basic" },
    { id: "cambio", secret: "s3cret/+: %&=~", authentication: "post" },
  ] as const)("is one proper request with this service's own registration: $authentication", async (client) => {
    await stop();
    await start({ clients: [client] });
    const token = fake.mintOpaque();
    expect(await ask(token)).toMatchObject({ active: true, sub: "alice", token_type: "Bearer" });
    expect([fake.violations, fake.callsTo("introspection")]).toEqual([[], 1]);
    const sent = fake.requests.find(({ endpoint }) => endpoint === "introspection");
    const form = new URLSearchParams(sent?.body);
    expect([sent?.url, form.get("token"), form.get("token_type_hint")]).toEqual(["/introspect", token, "access_token"]);
    // Not the signed answer (RFC 9701), which would need keys of its own.
    expect(sent?.headers.accept).toBe("application/json");
  });

  it.each([
    ["one that it never made", () => "opaque-of-nobody"],
    [
      "one that it has ended",
      () => {
        const token = fake.mintOpaque();
        fake.end(token);
        return token;
      },
    ],
    ["one whose time is over", () => fake.mintOpaque({ exp: 1 })],
  ])("learns no more than that it is not active of %s", async (_what, token) => {
    expect(await ask(token())).toBeUndefined();
  });

  it("reads nothing but that of an answer that says inactive, whatever else it says", async () => {
    fake.faults.next("introspection", answered({ active: false, sub: "alice", exp: 4_000_000_000 }));
    expect(await ask()).toBeUndefined();
  });

  it.each<[string, Fault, Reason]>([
    ["active as text", answered({ active: "true", sub: "alice" }), "UPSTREAM_INVALID_RESPONSE"],
    ["active as a number", answered({ active: 1 }), "UPSTREAM_INVALID_RESPONSE"],
    ["no word on it", answered({ sub: "alice" }), "UPSTREAM_INVALID_RESPONSE"],
    ["an empty object", answered({}), "UPSTREAM_INVALID_RESPONSE"],
    ["a list", answered([{ active: true }]), "UPSTREAM_INVALID_RESPONSE"],
    ["null", answered("null"), "UPSTREAM_INVALID_RESPONSE"],
    ["true", answered("true"), "UPSTREAM_INVALID_RESPONSE"],
    ["a member twice, of which readers may take either", answered('{"active":false,"active":true}'), "UPSTREAM_INVALID_RESPONSE"],
    ["a subject twice", answered('{"active":true,"sub":"alice","sub":"bob"}'), "UPSTREAM_INVALID_RESPONSE"],
    ["a subject twice, once spelled otherwise", answered('{"active":true,"sub":"alice","s\\u0075b":"bob"}'), "UPSTREAM_INVALID_RESPONSE"],
    ["nesting without end", answered(`{"active":true,"x":${"[".repeat(50)}${"]".repeat(50)}}`), "UPSTREAM_INVALID_RESPONSE"],
    ["half an object", answered('{"active":true'), "UPSTREAM_INVALID_RESPONSE"],
    ["nothing", answered(""), "UPSTREAM_INVALID_RESPONSE"],
    ["a page", { kind: "html" }, "UPSTREAM_INVALID_RESPONSE"],
    [
      "JSON labelled as text",
      { kind: "status", status: 200, body: { active: true }, headers: { "content-type": "text/plain" } },
      "UPSTREAM_INVALID_RESPONSE",
    ],
    [
      "a signed answer that nobody asked for",
      { kind: "status", status: 200, body: "a.b.c", headers: { "content-type": "application/token-introspection+jwt" } },
      "UPSTREAM_INVALID_RESPONSE",
    ],
    ["an error under 200", { kind: "error-in-200", error: "invalid_token" }, "UPSTREAM_INVALID_RESPONSE"],
    ["an error beside that it is active", answered({ active: true, error: "server_error", sub: "alice" }), "UPSTREAM_INVALID_RESPONSE"],
    ["201", answered({ active: true, sub: "alice" }, 201), "UPSTREAM_INVALID_RESPONSE"],
    ["a redirect", { kind: "redirect" }, "UPSTREAM_INVALID_RESPONSE"],
    ["400: the request was not understood", answered({ error: "invalid_request" }, 400), "UPSTREAM_INVALID_RESPONSE"],
    ["401: our own registration is refused", answered({ error: "invalid_client" }, 401), "UPSTREAM_REJECTED_CLIENT"],
    ["403, whatever it says of the token", answered({ active: true, sub: "alice" }, 403), "UPSTREAM_REJECTED_CLIENT"],
    ["404: the address is wrong", answered({}, 404), "UPSTREAM_INVALID_RESPONSE"],
    ["429", answered({}, 429), "UPSTREAM_RATE_LIMITED"],
    ["500", answered({ active: true, sub: "alice" }, 500), "UPSTREAM_UNAVAILABLE"],
    ["a broken connection", { kind: "reset" }, "UPSTREAM_UNAVAILABLE"],
    ["silence", { kind: "hang-before-headers" }, "UPSTREAM_TIMEOUT"],
    ["half an answer and silence", { kind: "hang-in-body" }, "UPSTREAM_TIMEOUT"],
    [
      "more than any token holds, which would all be compared",
      answered({ active: true, sub: "alice", scope: "a ".repeat(40_000) }),
      "UPSTREAM_INVALID_RESPONSE",
    ],
    ["more than anybody says", { kind: "huge", bytes: 2_000_000 }, "UPSTREAM_INVALID_RESPONSE"],
  ])("decides nothing by %s", async (_what, fault, reason) => {
    fake.faults.next("introspection", fault, 3);
    await expect(ask()).rejects.toThrow(refusal(reason));
    expect(fake.callsTo("redirect-target")).toBe(0);
  });

  it("ends with the call that asked", async () => {
    const release = fake.hold("introspection");
    const leaving = new AbortController();
    const asking = introspect(new Secret("opaque"), [], leaving.signal);
    await expect.poll(() => fake.callsTo("introspection")).toBe(1);
    leaving.abort();
    await expect(asking).rejects.toThrow(refusal("DEADLINE_EXCEEDED"));
    release();
  });

  it("is not possible at a provider that names no address for it, and no token goes anywhere", async () => {
    await stop();
    await start({ metadata: { introspection_endpoint: undefined } });
    await expect(ask()).rejects.toThrow(
      refusal("UPSTREAM_INVALID_RESPONSE", { cause: expect.objectContaining({ code: "introspection_endpoint:missing" }) }),
    );
    expect(fake.requests.map(({ endpoint }) => endpoint)).toEqual(["discovery"]);
  });

  it("sends no token to an address on another origin that discovery names", async () => {
    await stop();
    const elsewhere = await startFakeProvider();
    await start({ metadata: { introspection_endpoint: `${elsewhere.issuer}/introspect` } });
    await expect(ask()).rejects.toThrow(refusal("UPSTREAM_INVALID_RESPONSE"));
    expect(elsewhere.requests).toEqual([]);
    await elsewhere.close();
  });
});
