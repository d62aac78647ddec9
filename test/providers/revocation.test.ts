import { afterEach, describe, expect, it } from "vitest";
import type { PreparedProvider } from "../../src/exchange/provider-ports.ts";
import { Secret } from "../../src/exchange/secret.ts";
import { refusal } from "../exchange/fixtures.ts";
import { type FakeProvider, type FakeProviderOptions, startFakeProvider } from "../support/fake-provider.ts";
import type { FakeClient } from "../support/fake-token-endpoint.ts";
import type { Fault } from "../support/faults.ts";
import { createRig, type RigOptions } from "../support/provider-rig.ts";

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

const patience = (): AbortSignal => AbortSignal.timeout(5_000);
const token = new Secret("a token/+: %&=~");

interface Stage {
  readonly fake: FakeProvider;
  readonly prepared: PreparedProvider;
  tell(hint?: "access_token" | "refresh_token", signal?: AbortSignal): Promise<void>;
}

async function stage(options: FakeProviderOptions = {}, rigOptions: Partial<RigOptions> = {}): Promise<Stage> {
  const fake = await startFakeProvider(options);
  closers.push(fake.close);
  const rig = createRig({ issuer: fake.issuer, client: fake.client, timeoutMs: 1_000, ...rigOptions });
  closers.push(rig.close);
  const prepared = await rig.provider.prepare(patience());
  return {
    fake,
    prepared,
    async tell(hint = "refresh_token", signal = patience()) {
      if (prepared.revoke === undefined) throw new Error("there is no endpoint");
      await prepared.revoke(token, hint, signal);
    },
  };
}

const json = (status: number, error: string): Fault => ({ kind: "status", status, body: { error } });

describe("telling a provider that a token has ended", () => {
  it.each<FakeClient>([
    { id: "cambio", secret: "s3cret/+: %&=~", authentication: "basic" },
    { id: "cambio", secret: "s3cret/+: %&=~", authentication: "post" },
    { id: "cambio", authentication: "none" },
  ])("is one proper request with the client's authentication: $authentication", async (client) => {
    const { fake, tell } = await stage({ clients: [client] });
    await tell();
    expect(fake.violations).toEqual([]);
    expect(fake.revoked).toEqual([token.reveal()]);
    const sent = fake.requests.find(({ endpoint }) => endpoint === "revocation");
    expect(new URLSearchParams(sent?.body).get("token_type_hint")).toBe("refresh_token");
    expect(sent?.url).toBe("/revoke");
  });

  it("says which kind of token it is", async () => {
    const { fake, tell } = await stage();
    await tell("access_token");
    const sent = fake.requests.find(({ endpoint }) => endpoint === "revocation");
    expect(new URLSearchParams(sent?.body).get("token_type_hint")).toBe("access_token");
  });

  it.each<[string, Fault]>([
    ["it does not revoke tokens of that type", json(400, "unsupported_token_type")],
    ["it does not know the token any more", json(400, "invalid_token")],
    ["the same, under a status that says otherwise", { kind: "error-in-200", error: "unsupported_token_type" }],
    ["anything under 200", { kind: "html" }],
  ])("is done where the provider says: %s", async (_, fault) => {
    const { fake, tell } = await stage();
    fake.faults.always("revocation", fault);
    await expect(tell()).resolves.toBeUndefined();
  });

  it.each<[string, Fault, Record<string, unknown>]>([
    ["its client is not known", json(401, "invalid_client"), { status: 401, oauthError: "invalid_client" }],
    ["the request is wrong", json(400, "invalid_request"), { status: 400, oauthError: "invalid_request" }],
    ["something of its own", json(400, "canary"), { status: 400 }],
    ["no, without a word", { kind: "html", status: 403 }, { status: 403 }],
    ["no, under 200", { kind: "error-in-200", error: "invalid_client" }, { status: 200, oauthError: "invalid_client" }],
  ])("is given up where the provider says: %s", async (_, fault, cause) => {
    const { fake, tell } = await stage();
    fake.faults.always("revocation", fault);
    await expect(tell()).rejects.toEqual(
      refusal("UPSTREAM_REJECTED_CLIENT", { cause: { kind: "upstream", endpoint: "revocation", ...cause } }),
    );
  });

  it.each<[string, Fault, string]>([
    ["503 (RFC 7009 §2.2.1)", { kind: "status", status: 503 }, "UPSTREAM_UNAVAILABLE"],
    ["500", { kind: "html", status: 500 }, "UPSTREAM_UNAVAILABLE"],
    ["429", { kind: "status", status: 429 }, "UPSTREAM_RATE_LIMITED"],
    ["408", { kind: "status", status: 408 }, "UPSTREAM_UNAVAILABLE"],
    ["a redirect, which is not followed", { kind: "redirect" }, "UPSTREAM_UNAVAILABLE"],
    ["a failure that passes, under 400", json(400, "temporarily_unavailable"), "UPSTREAM_UNAVAILABLE"],
    ["a failure that passes, under 200", { kind: "error-in-200", error: "server_error" }, "UPSTREAM_UNAVAILABLE"],
    ["a broken connection", { kind: "reset" }, "UPSTREAM_UNAVAILABLE"],
    ["half an answer", { kind: "truncate" }, "UPSTREAM_UNAVAILABLE"],
    ["an answer without end", { kind: "huge", bytes: 2 * 1024 * 1024 }, "UPSTREAM_INVALID_RESPONSE"],
    ["silence", { kind: "hang-before-headers" }, "UPSTREAM_TIMEOUT"],
  ])("may be tried again after %s", async (_, fault, reason) => {
    const { fake, tell } = await stage({}, { timeoutMs: 300 });
    fake.faults.always("revocation", fault);
    await expect(tell()).rejects.toMatchObject({ reason });
    expect(fake.callsTo("redirect-target")).toBe(0);
    expect(fake.callsTo("revocation")).toBe(1);
  });

  it("ends when whoever tells gives up", async () => {
    const { fake, tell } = await stage();
    fake.hold("revocation");
    const giving = new AbortController();
    const telling = tell("refresh_token", giving.signal);
    giving.abort();
    await expect(telling).rejects.toEqual(refusal("DEADLINE_EXCEEDED"));
  });
});

describe("where a provider is told", () => {
  const elsewhere = "https://attacker.example/revoke";

  it.each<[string, FakeProviderOptions]>([
    ["has no endpoint for it", { metadata: { revocation_endpoint: undefined } }],
    ["names one on an origin that is not configured: no token goes there", { metadata: { revocation_endpoint: elsewhere } }],
    ["names one that is no address", { metadata: { revocation_endpoint: 7 } }],
  ])("nowhere, if it %s; everything else works", async (_, options) => {
    const { prepared } = await stage(options);
    expect(prepared.revoke).toBeUndefined();
  });

  it("is where configuration says, whatever discovery says", async () => {
    const fake = await startFakeProvider({ metadata: { revocation_endpoint: elsewhere } });
    closers.push(fake.close);
    const addresses = { endpoints: { revocation: `${fake.issuer}/revoke` } };
    const rig = createRig({ issuer: fake.issuer, client: fake.client, addresses });
    closers.push(rig.close);
    const { revoke } = await rig.provider.prepare(patience());
    await revoke?.(token, "access_token", patience());
    expect(fake.revoked).toEqual([token.reveal()]);
  });

  it("refuses a configured address with plain http at start", async () => {
    expect(() =>
      createRig({
        issuer: "https://issuer.example",
        client: { id: "c", authentication: "none" },
        addresses: { endpoints: { revocation: "http://issuer.example/revoke" } },
      }),
    ).toThrow("plain_http");
  });
});
