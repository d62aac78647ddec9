import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { basic } from "../../examples/clients.ts";
import type { Configuration } from "../../src/config/schema.ts";
import { eventually } from "../support/eventually.ts";
import { type FakeProvider, startFakeProvider } from "../support/fake-provider.ts";
import {
  type Answer,
  detailOf,
  type FakeStack,
  type Instance,
  page,
  pageRedirectUri,
  reasonOf,
  startFakeStack,
} from "../support/fake-stack.ts";
import { strangeVerifier } from "./protocol-case.ts";
import { outcomeOf, useServers } from "./replica-rig.ts";
import { all, asTool, from, here, limited, times } from "./limits-rig.ts";

function expectToWait(answer: Answer, atMostMs: number): void {
  expect([answer.status, reasonOf(answer)]).toEqual([429, "RATE_LIMITED"]);
  const seconds = Number.parseFloat(String(detailOf(answer)?.["retryAfter"]));
  expect(seconds).toBeGreaterThan(0);
  expect(seconds).toBeLessThanOrEqual(atMostMs / 1_000);
}

const post = (at: Instance) =>
  fetch(`${at.url}/api/auth/exchange`, {
    method: "POST",
    headers: { "content-type": "application/json", origin: page },
    body: "{}",
  });

function withOwnLimit(configuration: Configuration): Configuration {
  const { backend } = configuration.clients;
  if (backend === undefined) throw new Error("the example's names have changed");
  return { ...configuration, clients: { ...configuration.clients, backend: { ...backend, rate_limit: 5 } } };
}

describe("calls per second", () => {
  let stack: FakeStack;
  let behindProxy: FakeStack;
  beforeAll(async () => {
    stack = await startFakeStack({ change: (configuration) => withOwnLimit(limited()(configuration)) });
    behindProxy = await startFakeStack({ change: limited({}, here) });
  });
  afterAll(async () => {
    await stack.close();
    await behindProxy.close();
  });
  beforeEach(() => {
    // The beginning of another second, and nothing left of those before.
    for (const { time } of [stack, behindProxy]) time.nowMs = (Math.ceil(time.nowMs / 1_000) + 3) * 1_000;
  });

  it("20 of a public client from one address, and then it is told how long to wait", async () => {
    expect(await times(20, () => asTool(stack.cambio))).toEqual(all(20, "200"));
    expectToWait(await asTool(stack.cambio), 1_000);
    // Another client has its own.
    expect((await stack.cambio.rpc("Revoke", { clientId: "web", token: { value: "x" }, provider: "main" }, { origin: page })).status).toBe(
      200,
    );
    stack.time.nowMs += 2_000;
    expect((await asTool(stack.cambio)).status).toBe(200);
  });

  it("the plain route says how long to wait in its header, in whole seconds", async () => {
    for (let count = 0; count < 20; count += 1) expect((await post(stack.cambio)).status).toBe(400);
    const refused = await post(stack.cambio);
    expect([refused.status, refused.headers.get("retry-after"), await refused.json()]).toEqual([
      429,
      "1",
      expect.objectContaining({ reason: "RATE_LIMITED", error: "temporarily_unavailable" }),
    ]);
  });

  it("an attacker who writes addresses into X-Forwarded-For himself is still at his own", async () => {
    expect(await times(20, (number) => asTool(stack.cambio, from(`203.0.113.${number}`)))).toEqual(all(20, "200"));
    expectToWait(await asTool(stack.cambio, from("203.0.113.200")), 1_000);
  });

  it("addresses behind a configured proxy count apart, and what they write to the left of theirs counts for nothing", async () => {
    const { cambio } = behindProxy;
    expect(await times(20, (number) => asTool(cambio, from(`203.0.113.${number}, 198.51.100.7`)))).toEqual(all(20, "200"));
    expectToWait(await asTool(cambio, from("198.51.100.7")), 1_000);
    expect((await asTool(cambio, from("198.51.100.8"))).status).toBe(200);
    expect((await asTool(cambio)).status).toBe(200);
  });

  it("an attacker with all of an IPv6 /64 has the calls of one address, and his neighbour has his own", async () => {
    const { cambio } = behindProxy;
    expect(await times(20, (number) => asTool(cambio, from(`2001:db8:1:2::${number}`)))).toEqual(all(20, "200"));
    expectToWait(await asTool(cambio, from("2001:db8:1:2:ffff:ffff:ffff:ffff")), 1_000);
    expect((await asTool(cambio, from("2001:db8:1:3::1"))).status).toBe(200);
  });

  it("1,000 of a service, wherever it calls from", async () => {
    const { cambio } = behindProxy;
    const authorization = behindProxy.authorization("orders");
    const validate = (number: number) =>
      cambio.rpc("ValidateCrossClient", { token: { value: "e30.e30.e30" } }, { authorization, ...from(`198.51.100.${number % 250}`) });
    expect(new Set(await times(1_000, validate))).toEqual(new Set(["TOKEN_MALFORMED"]));
    expectToWait(await validate(0), 1_000);
    expect((await asTool(cambio, from("198.51.100.1"))).status).toBe(200);
  });

  it("as many of a service as its own limit says, whatever it asks for", async () => {
    const headers = { authorization: stack.authorization("backend") };
    const call = (number: number) =>
      number % 2 === 0
        ? stack.cambio.rpc("CreateAuthorizationUrl", { provider: "main" }, headers)
        : stack.cambio.rpc("Revoke", { provider: "main", token: { value: "token-of-nobody" } }, headers);
    expect(await times(5, call)).toEqual(all(5, "200"));
    expectToWait(await call(0), 1_000);
    expectToWait(await call(1), 1_000);
  });

  it("an address that guesses secrets is soon told only that it guesses too often, and services that live there go on", async () => {
    const guess = (number: number) => stack.cambio.rpc("Refresh", {}, { authorization: basic("orders", `guess-guess-guess-${number}`) });
    const token = await stack.token();
    // One after the other: those under way together are all looked at before the first of them has failed.
    const outcomes: string[] = [];
    for (let number = 0; number < 60; number += 1) outcomes.push(outcomeOf(await guess(number)));
    expect(outcomes).toEqual([...all(50, "CALLER_UNAUTHENTICATED"), ...all(10, "RATE_LIMITED")]);
    expectToWait(await guess(0), 1_000);
    expect(outcomeOf(await stack.cambio.validate(token))).toBe("200");
    stack.time.nowMs += 2_000;
    expect(outcomeOf(await guess(0))).toBe("CALLER_UNAUTHENTICATED");
  });
});

describe("what a provider refuses", () => {
  let stack: FakeStack;
  let second: FakeProvider;
  beforeAll(async () => {
    second = await startFakeProvider();
    const limits = { public_clients: 1_000, client_failures: 10, address_failures: 4 };
    stack = await startFakeStack({ change: (configuration) => withSecond(limited(limits, here)(configuration)) });
  });
  afterAll(async () => {
    await stack.close();
    await second.close();
  });
  beforeEach(() => {
    stack.time.nowMs += 3_600_000;
  });

  function withSecond(configuration: Configuration): Configuration {
    const { main } = configuration.providers;
    const { web } = configuration.clients;
    const grant = web?.providers["main"];
    if (main === undefined || web === undefined || grant === undefined) throw new Error("the example's names have changed");
    return {
      ...configuration,
      providers: { ...configuration.providers, second: { ...main, issuer: second.issuer } },
      clients: { ...configuration.clients, web: { ...web, providers: { ...web.providers, second: { ...grant, audiences: [] } } } },
    };
  }

  const wrongCode = (address: string, provider = "main") =>
    stack.cambio.rpc(
      "Exchange",
      {
        clientId: "web",
        provider,
        authorizationCode: { code: crypto.randomUUID(), codeVerifier: strangeVerifier, redirectUri: pageRedirectUri },
      },
      { origin: page, ...from(address) },
    );

  it("an address that tries codes is stopped here, before the provider has seen too many; others and other providers go on", async () => {
    const before = stack.provider.callsTo("token");
    for (let count = 0; count < 4; count += 1) expect(outcomeOf(await wrongCode("198.51.100.1"))).toBe("GRANT_INVALID");
    for (let count = 0; count < 6; count += 1) expectToWait(await wrongCode("198.51.100.1"), 600_000);
    expect(stack.provider.callsTo("token")).toBe(before + 4);
    expect(outcomeOf(await wrongCode("198.51.100.2"))).toBe("GRANT_INVALID");
    expect(outcomeOf(await wrongCode("198.51.100.1", "second"))).toBe("GRANT_INVALID");
    stack.time.nowMs += 600_000;
    expect(outcomeOf(await wrongCode("198.51.100.1"))).toBe("GRANT_INVALID");
  });

  it("a client whose addresses all try codes is paused at that provider, and other clients go on", async () => {
    const before = stack.provider.callsTo("token");
    for (let count = 0; count < 10; count += 1) expect(outcomeOf(await wrongCode(`198.51.100.${count}`))).toBe("GRANT_INVALID");
    expectToWait(await wrongCode("198.51.100.99"), 600_000);
    expect(stack.provider.callsTo("token")).toBe(before + 10);
    const refresh = await stack.cambio.rpc(
      "Refresh",
      { provider: "main", refreshToken: "refresh-that-nobody-knows" },
      { authorization: stack.authorization("backend") },
    );
    expect(outcomeOf(refresh)).toBe("REAUTHENTICATION_REQUIRED");
  });

  it("counts no call that never reached the provider", async () => {
    for (let count = 0; count < 12; count += 1) {
      const message = {
        clientId: "web",
        provider: "main",
        authorizationCode: { code: "x", codeVerifier: strangeVerifier, redirectUri: `${page}/other` },
      };
      expect(outcomeOf(await stack.cambio.rpc("Exchange", message, { origin: page, ...from("198.51.100.1") }))).toBe(
        "REDIRECT_URI_NOT_ALLOWED",
      );
    }
    expect(outcomeOf(await wrongCode("198.51.100.1"))).toBe("GRANT_INVALID");
  });
});

const tryCode = (at: Instance) =>
  at.rpc(
    "Exchange",
    {
      clientId: "web",
      provider: "main",
      authorizationCode: { code: crypto.randomUUID(), codeVerifier: strangeVerifier, redirectUri: pageRedirectUri },
    },
    { origin: page },
  );

describe("two replicas on one Redis", () => {
  const servers = useServers();
  /** Far more than one of them answers between two settlements. */
  const perSecond = 300;

  it("count together what either has taken", async () => {
    const { stack, replicas } = await servers.given({ redis: true }, { instances: 2, change: limited({ public_clients: perSecond }) });
    const [one, other] = replicas;
    stack.time.nowMs = Math.ceil(stack.time.nowMs / 1_000) * 1_000;
    expect(new Set(await times(perSecond, () => asTool(one)))).toEqual(new Set(["200"]));
    let taken = 0;
    await eventually("the other refuses too", async () => {
      const outcome = outcomeOf(await asTool(other));
      if (outcome === "200") taken += 1;
      return outcome === "RATE_LIMITED";
    });
    expect(taken).toBeLessThan(perSecond);
  });

  it("share the failures that a provider has seen", async () => {
    const limits = { public_clients: 1_000, client_failures: 1_000, address_failures: 60 };
    const { stack, replicas } = await servers.given({ redis: true }, { instances: 2, change: limited(limits) });
    const [one, other] = replicas;
    for (let count = 0; count < 30; count += 1) {
      expect(outcomeOf(await tryCode(one))).toBe("GRANT_INVALID");
      expect(outcomeOf(await tryCode(other))).toBe("GRANT_INVALID");
    }
    // Neither has counted more than half of it by itself.
    await eventually(
      "both have heard of the other's",
      async () => outcomeOf(await tryCode(one)) === "RATE_LIMITED" && outcomeOf(await tryCode(other)) === "RATE_LIMITED",
    );
    expect(stack.provider.callsTo("token")).toBeLessThan(90);
  });
});
