import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { basic } from "../../examples/clients.ts";
import type { ClientConfiguration, Configuration, ProviderConfiguration } from "../../src/config/schema.ts";
import { Secret } from "../../src/exchange/secret.ts";
import { eventually } from "../support/eventually.ts";
import { type Answer, type FakeCode, type FakeStack, page, pageRedirectUri, startFakeStack } from "../support/fake-stack.ts";
import { oauthProvider } from "../support/oauth-provider.ts";
import { challenge } from "./protocol-case.ts";
import { outcomeOf } from "./replica-rig.ts";

type Change = (configuration: Configuration) => Configuration;

function withClient(id: string, change: (client: ClientConfiguration) => ClientConfiguration): Change {
  return (configuration) => ({ ...configuration, clients: { ...configuration.clients, [id]: change(given(configuration.clients[id])) } });
}

function withMain(change: (provider: ProviderConfiguration) => ProviderConfiguration): Change {
  return (configuration) => ({
    ...configuration,
    providers: { ...configuration.providers, main: change(oauthProvider(configuration, "main")) },
  });
}

function given<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("the example's names have changed");
  return value;
}

const asPage = { origin: page };

describe("a configuration that is reloaded", () => {
  let stack: FakeStack;
  let token: string;
  let handle: string;
  let codes: FakeCode[];
  beforeAll(async () => {
    stack = await startFakeStack({
      change: (configuration) => ({ ...configuration, server: { ...configuration.server, deadline: 1_000 } }),
    });
  });
  afterAll(() => stack.close());

  const { rpc, validate } = {
    rpc: (...asked: Parameters<FakeStack["cambio"]["rpc"]>) => stack.cambio.rpc(...asked),
    validate: () => stack.cambio.validate(token),
  };
  const redeem = ({ code, codeVerifier, redirectUri, state }: FakeCode) =>
    rpc("Exchange", { clientId: "web", authorizationCode: { code, codeVerifier, redirectUri, state } }, asPage);
  const signIn = (scopes: readonly string[] = []) =>
    rpc("CreateAuthorizationUrl", { clientId: "web", redirectUri: pageRedirectUri, codeChallenge: challenge, scopes }, asPage);
  const refresh = () => rpc("Refresh", { clientId: "web", refreshToken: handle }, asPage);
  const preflight = async () => {
    const headers = { origin: "https://new.example", "access-control-request-method": "POST" };
    const { status } = await fetch(`${stack.cambio.url}/cambio.v1.TokenExchangeService/Exchange`, { method: "OPTIONS", headers });
    return status;
  };
  const asOrders = (secret: string) => rpc("ValidateCrossClient", { token: { value: token } }, { authorization: basic("orders", secret) });
  const put = (change: Change) => stack.cambio.reload(change(stack.configuration));

  // Everything is remembered under the configuration before: a handle, and a token that was verified.
  beforeEach(async () => {
    stack.provider.faults.clear();
    stack.cambio.reload(stack.configuration);
    const redeemed = await redeem(await stack.newCode());
    handle = (redeemed.body["tokens"] as { readonly refreshToken: string }).refreshToken;
    codes = [await stack.newCode(), await stack.newCode(), await stack.newCode()];
    token = await stack.token();
    await validate();
    if ((await validate()).body["cached"] !== true) throw new Error("nothing was remembered");
  });

  const keyId = () => stack.provider.keys.kidOf("RS256");
  const noScope = withClient("web", (client) => {
    const main = given(client.providers["main"]);
    return { ...client, providers: { main: { ...main, scopes: main.scopes.filter((scope) => scope !== "profile") } } };
  });

  it.each<readonly [string, Change, call: () => Promise<Answer>, string]>([
    ["a client is disabled", withClient("orders", (client) => ({ ...client, disabled: true })), validate, "CALLER_NOT_ALLOWED"],
    [
      "a client is gone",
      ({ clients: { orders: _gone, ...clients }, ...rest }) => ({ ...rest, clients }),
      validate,
      "CALLER_UNAUTHENTICATED",
    ],
    ["a method is removed", withClient("web", (client) => ({ ...client, methods: ["Exchange"] })), refresh, "CALLER_NOT_ALLOWED"],
    [
      "an origin is removed",
      withClient("web", (client) => ({ ...client, origins: ["https://other.example"] })),
      refresh,
      "ORIGIN_NOT_ALLOWED",
    ],
    ["a provider is taken from a client", withClient("web", (client) => ({ ...client, providers: {} })), refresh, "CALLER_NOT_ALLOWED"],
    ["a scope is removed, for those who ask for it", noScope, () => signIn(["openid", "profile"]), "SCOPE_NOT_ALLOWED"],
    ["a scope is removed, for those who are given it", noScope, () => redeem(given(codes.pop())), "SCOPE_NOT_ALLOWED"],
    ["a service's audience is removed", withClient("orders", (client) => ({ ...client, audiences: [] })), validate, "TARGET_NOT_ALLOWED"],
    [
      "an audience's client is removed",
      ({ audiences, ...rest }) => {
        const { accepts } = given(audiences["orders"]);
        return {
          ...rest,
          audiences: { ...audiences, orders: { accepts: { ...accepts, main: { ...given(accepts["main"]), clients: [] } } } },
        };
      },
      validate,
      "CLIENT_NOT_TRUSTED",
    ],
    [
      "a secret is replaced",
      withClient("orders", (client) => ({ ...client, secrets: [new Secret("another-secret-0123456789")] })),
      validate,
      "CALLER_UNAUTHENTICATED",
    ],
    [
      "a key of a provider is denied",
      (configuration) => withMain((main) => ({ ...main, tokens: { ...main.tokens, deny_kids: [keyId()] } }))(configuration),
      validate,
      "TOKEN_INVALID",
    ],
    [
      "an algorithm of a provider is no longer accepted",
      withMain((main) => ({ ...main, tokens: { ...main.tokens, algorithms: ["ES256"] } })),
      validate,
      "TOKEN_INVALID",
    ],
    ["a client is slowed down", withClient("orders", (client) => ({ ...client, rate_limit: 1 })), validate, "RATE_LIMITED"],
    [
      "no place is left",
      (configuration) => ({ ...configuration, limits: { ...configuration.limits, concurrent_calls: 0 } }),
      validate,
      "OVERLOADED",
    ],
  ])("is in force for the next call, whatever was remembered: %s", async (_name, change, call, reason) => {
    expect(outcomeOf(await call())).toBe("200");
    put(change);
    expect(outcomeOf(await call())).toBe(reason);
    put((configuration) => configuration);
    // The provider takes a refresh token once, and had it from the first call.
    expect(outcomeOf(await call())).toBe(call === refresh ? "REAUTHENTICATION_REQUIRED" : "200");
  });

  it("lets two secrets live side by side, while one replaces the other", async () => {
    const [before, after] = ["orders-secret-canary-0123456789", "orders-secret-canary-9876543210"] as const;
    stack.canary.register("secret", after);
    const steps = [
      [[before, after], "200", "200"],
      [[after], "CALLER_UNAUTHENTICATED", "200"],
    ] as const;
    for (const [secrets, ofOld, ofNew] of steps) {
      put(withClient("orders", (client) => ({ ...client, secrets: secrets.map((secret) => new Secret(secret)) })));
      expect([outcomeOf(await asOrders(before)), outcomeOf(await asOrders(after))]).toEqual([ofOld, ofNew]);
    }
  });

  it("tells browsers of another page at once", async () => {
    expect(await preflight()).toBe(403);
    put(withClient("web", (client) => ({ ...client, origins: [...client.origins, "https://new.example"] })));
    expect(await preflight()).toBe(204);
  });

  it("leaves a call that is under way to the one under which it began", async () => {
    const code = await stack.newCode();
    const calls = stack.provider.callsTo("token");
    const release = stack.provider.hold("token");
    const answer = redeem(code);
    await eventually("the code is at the provider", () => stack.provider.callsTo("token") === calls + 1);
    put(withClient("web", (client) => ({ ...client, disabled: true })));
    expect(outcomeOf(await signIn())).toBe("CALLER_NOT_ALLOWED");
    release();
    expect(outcomeOf(await answer)).toBe("200");
  });

  it("keeps the keys of a provider that did not change, although it is away, and asks one that did", async () => {
    const asked = () => [stack.provider.callsTo("discovery"), stack.provider.callsTo("jwks")];
    const before = asked();
    for (const endpoint of ["discovery", "jwks"] as const) stack.provider.faults.always(endpoint, { kind: "reset" });
    put(withClient("web", (client) => ({ ...client, methods: [] })));
    const fresh = await stack.cambio.validate(await stack.token());
    expect([outcomeOf(fresh), fresh.body["source"]]).toEqual(["200", "VALIDATION_SOURCE_LOCAL_KEYS"]);
    expect(asked()).toEqual(before);

    put(withMain((main) => ({ ...main, timeout: 9_000 })));
    expect(outcomeOf(await stack.cambio.validate(await stack.token()))).toBe("UPSTREAM_UNAVAILABLE");
  });

  it("fifty times under load loses no call and leaves no connection behind", async () => {
    const unused = await Promise.all(Array.from({ length: 20 }, () => stack.newCode()));
    const outcomes: string[] = [];
    const load = { goesOn: true };
    const callers = Array.from({ length: 8 }, async () => {
      while (load.goesOn) {
        const code = unused.pop();
        outcomes.push(outcomeOf(await stack.cambio.validate(await stack.token())), outcomeOf(await signIn()));
        if (code !== undefined) outcomes.push(outcomeOf(await redeem(code)));
      }
    });
    for (let number = 1; number <= 50; number += 1) {
      const answered = outcomes.length;
      // A provider of its own each time, and so connections of its own.
      put(withMain((main) => ({ ...main, timeout: 5_000 + number })));
      await eventually("calls go on", () => outcomes.length > answered + 2);
    }
    load.goesOn = false;
    await Promise.all(callers);
    expect(new Set(outcomes)).toEqual(new Set(["200"]));
    expect(outcomes.length).toBeGreaterThan(150);
    // Not the first configuration: on a fast machine that is still there, and its connections would go on being used.
    put(withMain((main) => ({ ...main, timeout: 6_000 })));
    // Sooner than idle connections end by themselves, which takes them three seconds and more.
    await eventually("connections of old configurations are closed", () => stack.provider.connections() === 0, 2_200);
  });
});
