import { afterEach, describe, expect, it } from "vitest";
import { ExchangeError, type Reason } from "../../src/exchange/errors.ts";
import { custom } from "../../src/providers/presets/custom.ts";
import { type FakeProvider, type FakeProviderOptions, startFakeProvider } from "../support/fake-provider.ts";
import { createRig, type Rig, type RigOptions } from "../support/provider-rig.ts";

const hourMs = 3_600_000;
const closers: (() => Promise<void>)[] = [];
const soon = () => AbortSignal.timeout(5_000);

afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

async function startFake(options?: FakeProviderOptions): Promise<FakeProvider> {
  const fake = await startFakeProvider(options);
  closers.push(fake.close);
  return fake;
}

function rigFor(fake: FakeProvider, options: Partial<RigOptions> = {}): Rig {
  const rig = createRig({ issuer: fake.issuer, client: fake.client, ...options });
  closers.push(rig.close);
  return rig;
}

async function errorOf(work: Promise<unknown>): Promise<ExchangeError> {
  const error = await work.then(
    () => undefined,
    (failure: unknown) => failure,
  );
  expect(error).toBeInstanceOf(ExchangeError);
  return error as ExchangeError;
}

describe("what discovery may say", () => {
  it("names the endpoints, and whether authorization responses carry the issuer", async () => {
    const fake = await startFake();
    expect(await rigFor(fake).discovery.metadata(soon())).toEqual({
      authorizationEndpoint: `${fake.issuer}/authorize`,
      tokenEndpoint: `${fake.issuer}/token`,
      jwksUri: `${fake.issuer}/jwks`,
      revocationEndpoint: `${fake.issuer}/revoke`,
      introspectionEndpoint: `${fake.issuer}/introspect`,
    });
  });

  it.each<[string, Record<string, unknown>]>([
    ["another issuer", { issuer: "https://evil.example" }],
    ["the issuer with a slash more", { issuer: "ISSUER/" }],
    ["the issuer in capitals", { issuer: "HTTP://LOCALHOST" }],
    ["no issuer", { issuer: undefined }],
    ["a token endpoint on a foreign origin", { token_endpoint: "https://evil.example/token" }],
    ["keys on a foreign origin", { jwks_uri: "https://evil.example/jwks" }],
    ["a page for users on a foreign origin", { authorization_endpoint: "https://evil.example/authorize" }],
    ["a token endpoint on another port", { token_endpoint: "http://localhost:1/token" }],
    ["a token endpoint by another scheme", { token_endpoint: "file:///etc/passwd" }],
    ["an address that is none", { token_endpoint: 42 }],
    ["no token endpoint", { token_endpoint: undefined }],
    ["no keys", { jwks_uri: undefined }],
  ])("is refused before anything is spent: %s", async (_name, metadata) => {
    const overrides: Record<string, unknown> = { ...metadata };
    const fake = await startFake({ metadata: overrides });
    if (overrides["issuer"] === "ISSUER/") overrides["issuer"] = `${fake.issuer}/`;
    const rig = rigFor(fake);
    expect((await errorOf(rig.provider.prepare(soon()))).reason).toBe<Reason>("UPSTREAM_INVALID_RESPONSE");
    expect((await errorOf(rig.discovery.fetchJwks(soon()))).reason).toBe<Reason>("UPSTREAM_INVALID_RESPONSE");
    expect(fake.callsTo("jwks") + fake.callsTo("token")).toBe(0);
  });

  it("may name a further origin that configuration lists", async () => {
    const keys = await startFake();
    const fake = await startFake({ metadata: { jwks_uri: `${keys.issuer}/jwks` } });
    const rig = rigFor(fake, { allowedOrigins: [keys.issuer] });
    expect(await rig.discovery.fetchJwks(soon())).toEqual(keys.keys.jwks());
  });

  it("counts for less than configured endpoints, and is not read where all three are configured", async () => {
    const fake = await startFake({ metadata: { token_endpoint: "https://evil.example/token" } });
    const token = `${fake.issuer}/token`;
    const one = rigFor(fake, { addresses: { endpoints: { token } } });
    expect((await one.discovery.metadata(soon())).tokenEndpoint).toBe(token);
    const before = fake.callsTo("discovery");
    const all = rigFor(fake, {
      addresses: { endpoints: { token, authorization: `${fake.issuer}/authorize`, jwks: `${fake.issuer}/jwks` } },
    });
    expect(await all.discovery.metadata(soon())).toMatchObject({ tokenEndpoint: token });
    expect(fake.callsTo("discovery")).toBe(before);
  });

  it("is read at the back channel, and still has to be about the configured issuer", async () => {
    const issuer = "https://id.public.example";
    const behind = await startFake({ metadata: { issuer, authorization_endpoint: `${issuer}/authorize` } });
    const rig = rigFor(behind, { issuer, addresses: { backChannelUrl: behind.issuer } });
    expect(await rig.discovery.metadata(soon())).toMatchObject({
      authorizationEndpoint: `${issuer}/authorize`,
      tokenEndpoint: `${behind.issuer}/token`,
    });
    const other = rigFor(await startFake(), { issuer, addresses: { backChannelUrl: (await startFake()).issuer } });
    expect((await errorOf(other.discovery.metadata(soon()))).reason).toBe("UPSTREAM_INVALID_RESPONSE");
  });

  it.each([
    ["an issuer", {}],
    ["a back channel", { issuer: "https://id.example", addresses: { backChannelUrl: "http://id.internal" } }],
    ["an endpoint", { issuer: "https://id.example", addresses: { endpoints: { token: "http://id.internal/token" } } }],
  ])("is never asked for over plain http beyond loopback: %s", (_name, options) => {
    const client = { id: "cambio", authentication: "none" } as const;
    expect(() => createRig({ issuer: "http://id.example", client, ...options })).toThrow("plain_http");
  });
});

describe("a provider that is not discovered", () => {
  const at = "http://127.0.0.1:9";
  const addresses = { issuer: at, endpoints: { authorization: `${at}/a`, token: `${at}/t` } };
  const rigOf = (endpoints: object = {}) => {
    const client = { id: "x", authentication: "none" } as const;
    const rig = createRig({
      issuer: at,
      client,
      addresses: { ...addresses, endpoints: { ...addresses.endpoints, ...endpoints } },
      definition: custom,
    });
    closers.push(rig.close);
    return rig;
  };

  it("has what is configured, and nothing else; nobody is asked", async () => {
    const rig = rigOf();
    expect(await rig.discovery.metadata(soon())).toEqual({
      authorizationEndpoint: `${at}/a`,
      tokenEndpoint: `${at}/t`,
      jwksUri: undefined,
      revocationEndpoint: undefined,
      introspectionEndpoint: undefined,
      userEndpoint: undefined,
    });
    expect((await errorOf(rig.discovery.fetchJwks(soon()))).reason).toBe("UPSTREAM_INVALID_RESPONSE");
    expect(rig.calls).toEqual([]);
  });

  it("may have keys and a place for users", async () => {
    const metadata = await rigOf({ jwks: `${at}/k`, user: `${at}/me` }).discovery.metadata(soon());
    expect(metadata).toMatchObject({ jwksUri: `${at}/k`, userEndpoint: `${at}/me` });
  });
});

describe("a user endpoint that discovery names", () => {
  it("is used where it lies on a configured origin, and is none elsewhere", async () => {
    const metadata: Record<string, unknown> = { userinfo_endpoint: "https://evil.example/me" };
    const fake = await startFake({ metadata });
    expect((await rigFor(fake).discovery.metadata(soon())).userEndpoint).toBeUndefined();
    metadata["userinfo_endpoint"] = `${fake.issuer}/me`;
    expect((await rigFor(fake).discovery.metadata(soon())).userEndpoint).toBe(`${fake.issuer}/me`);
  });
});

describe("how long discovery is remembered", () => {
  it("is asked for once by a hundred simultaneous calls", async () => {
    const fake = await startFake();
    const { discovery } = rigFor(fake);
    await Promise.all(Array.from({ length: 100 }, () => discovery.metadata(soon())));
    expect(fake.callsTo("discovery")).toBe(1);
  });

  it("serves for an hour, then is asked for anew while the old answer serves on", async () => {
    const fake = await startFake();
    const { discovery, time } = rigFor(fake);
    await discovery.metadata(soon());
    time.nowMs += hourMs - 1;
    await discovery.metadata(soon());
    expect(fake.callsTo("discovery")).toBe(1);
    time.nowMs += 1;
    await discovery.metadata(soon());
    await expect.poll(() => fake.callsTo("discovery")).toBe(2);
  });

  it("serves a provider that is away for 24 hours, without making anybody wait, and no longer", async () => {
    const fake = await startFake();
    const { discovery, time, calls } = rigFor(fake);
    await discovery.metadata(soon());
    fake.faults.always("discovery", { kind: "status", status: 500 });
    time.nowMs += 24 * hourMs - 1;
    expect((await discovery.metadata(soon())).tokenEndpoint).toBe(`${fake.issuer}/token`);
    await expect.poll(() => calls.length).toBe(2);
    time.nowMs += 10_001;
    expect((await errorOf(discovery.metadata(soon()))).reason).toBe("UPSTREAM_UNAVAILABLE");
  });

  it("is not asked for again within ten seconds after a failure, and says when to come back", async () => {
    const fake = await startFake();
    const { discovery, time } = rigFor(fake);
    fake.faults.next("discovery", { kind: "status", status: 500 });
    await errorOf(discovery.metadata(soon()));
    time.nowMs += 4_000;
    const cooling = await errorOf(discovery.metadata(soon()));
    expect(cooling).toMatchObject({ reason: "UPSTREAM_UNAVAILABLE", retryAfterMs: 6_000 });
    expect(fake.callsTo("discovery")).toBe(1);
    time.nowMs += 6_000;
    await discovery.metadata(soon());
    expect(fake.callsTo("discovery")).toBe(2);
  });

  it("is asked for anew when the clock is set back, rather than kept until it has caught up", async () => {
    const fake = await startFake();
    const { discovery, time } = rigFor(fake);
    await discovery.metadata(soon());
    time.nowMs -= 48 * hourMs;
    await discovery.metadata(soon());
    expect(fake.callsTo("discovery")).toBe(2);
  });

  it("lets one caller leave at its own deadline while the others get the answer", async () => {
    const fake = await startFake();
    const { discovery } = rigFor(fake);
    const impatient = new AbortController();
    const leaving = errorOf(discovery.metadata(impatient.signal));
    const staying = discovery.metadata(soon());
    impatient.abort();
    expect((await leaving).reason).toBe("DEADLINE_EXCEEDED");
    expect((await staying).tokenEndpoint).toBe(`${fake.issuer}/token`);
    expect(fake.callsTo("discovery")).toBe(1);
  });
});
