import { afterEach, describe, expect, it } from "vitest";
import type { Configuration } from "../../src/config/schema.ts";
import {
  type Answer,
  detailOf,
  type FakeStack,
  type FakeStackOptions,
  type Instance,
  page,
  reasonOf,
  startFakeStack,
} from "../support/fake-stack.ts";
import { exchangeAt, exchangesAt, exchanging, newTokenOf, requester, stockIdentifier, swapAt, withExchange } from "./exchange-world.ts";
import { assertion, cambio, keys, startPlatforms, withProofs } from "./proof-world.ts";
import { useServers } from "./replica-rig.ts";

const servers = useServers();
const opened: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of opened.splice(0).toReversed()) await close();
});

async function given(options: FakeStackOptions = {}): Promise<FakeStack> {
  const stack = await startFakeStack({ ...exchanging, ...options });
  opened.push(stack.close);
  stack.canary.register("requester's secret", requester.secret ?? "");
  return stack;
}

const usual = { scope: "orders:read orders:write" };
const claimsOf = (token: string) =>
  JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString()) as Readonly<Record<string, unknown>>;
const outcomeOf = (answer: Answer) => (answer.status === 200 ? "tokens" : reasonOf(answer));

const off = (configuration: Configuration): Configuration => {
  const clients = Object.entries(configuration.clients).map(([id, client]) => [
    id,
    { ...client, disabled: true, report_only: ["methods", "scopes", "audiences", "max_lifetime"] },
  ]);
  return { ...configuration, clients: Object.fromEntries(clients) as Configuration["clients"] };
};

const ask = (at: Instance, token: string, authorization: string, exchange: boolean) =>
  at.rpc("ValidateCrossClient", { token: { value: token }, exchange }, { authorization });

async function proving(instances: "one" | "three"): Promise<{ stack: FakeStack; replicas: readonly Instance[] }> {
  const platforms = await startPlatforms();
  opened.push(platforms.close);
  const change = (configuration: Configuration) => withExchange(withProofs(platforms)(configuration));
  if (instances === "three") return servers.given({ redis: true }, { ...exchanging, change });
  const stack = await given({ change });
  return { stack, replicas: [stack.cambio] };
}
const byOrders = (nowMs: number) =>
  assertion(nowMs, {
    key: keys.orders,
    claims: { iss: "orders", sub: "orders", aud: cambio },
    header: { kid: "orders-1", alg: "RS256" },
  });

describe("a service that received a token", () => {
  it("gets one of its own by ValidateCrossClient, and is told where it comes from", async () => {
    const stack = await given();
    const answer = await swapAt(stack.cambio, await stack.token(usual));
    expect(answer).toMatchObject({
      status: 200,
      body: {
        claims: { subject: "alice", clientId: "cambio" },
        source: "VALIDATION_SOURCE_PROVIDER_EXCHANGE",
        tokens: {
          tokenType: "Bearer",
          scopes: ["orders:read"],
          issuedTokenType: "urn:ietf:params:oauth:token-type:access_token",
          expiresIn: expect.closeTo(3600, -1) as unknown,
        },
      },
    });
    expect(answer.body["tokens"]).not.toHaveProperty("refreshToken");
    expect(claimsOf(newTokenOf(answer))).toMatchObject({ sub: "alice", client_id: requester.id });
    // What was issued to the service is not accepted from it as a user's: it trusts other clients.
    expect(reasonOf(await stack.cambio.validate(newTokenOf(answer)))).toBe("CLIENT_NOT_TRUSTED");
  });

  it("gets one for another audience by Exchange", async () => {
    const stack = await given();
    const answer = await exchangeAt(stack.cambio, await stack.token(usual), { scopes: ["orders:read"] });
    expect(answer).toMatchObject({
      status: 200,
      body: { issuance: "ISSUANCE_PROVIDER_EXCHANGE", tokens: { issuer: stack.provider.issuer } },
    });
    expect(claimsOf(newTokenOf(answer))).toMatchObject({ aud: [stockIdentifier], scope: "orders:read", client_id: requester.id });
  });

  it("is told that the provider vouched for an opaque one", async () => {
    const stack = await given();
    const token = stack.provider.mintOpaque({ ...usual, client_id: "cambio" });
    expect(await stack.cambio.validate(token, { provider: "main" })).toMatchObject({ body: { source: "VALIDATION_SOURCE_INTROSPECTION" } });
    expect((await exchangeAt(stack.cambio, token, { provider: "main" })).status).toBe(200);
    stack.provider.end(token);
    // It is known for a minute, and not a millisecond longer.
    stack.time.nowMs += 60_000;
    const answer = await stack.cambio.validate(token, { provider: "main" });
    expect([answer.status, reasonOf(answer)]).toEqual([401, "TOKEN_INVALID"]);
  });

  it.each<[string, object, string, number]>([
    ["somebody who acts", { actorToken: { value: "e30.e30.e30" } }, "DELEGATION_NOT_ALLOWED", 403],
    ["an ID token", { requestedTokenType: "urn:ietf:params:oauth:token-type:id_token" }, "MALFORMED_REQUEST", 400],
    [
      "a refresh token, where no database could end it",
      { requestedTokenType: "urn:ietf:params:oauth:token-type:refresh_token", audiences: ["payroll"] },
      "TARGET_NOT_ALLOWED",
      403,
    ],
    [
      "a token by another kind of token",
      { subjectToken: { value: "x", type: "urn:ietf:params:oauth:token-type:refresh_token" } },
      "TOKEN_TYPE_MISMATCH",
      401,
    ],
    ["a token by none", { subjectToken: {} }, "MALFORMED_REQUEST", 400],
    ["a scope that the token lacks", { scopes: ["admin"] }, "SCOPE_NOT_ALLOWED", 403],
    ["an audience that is none", { audiences: ["orders", ""] }, "MALFORMED_REQUEST", 400],
  ])("is refused %s, and the provider hears nothing", async (_what, more, reason, status) => {
    const stack = await given();
    const answer = await exchangeAt(stack.cambio, await stack.token(usual), more);
    expect([answer.status, reasonOf(answer)]).toEqual([status, reason]);
    expect(exchangesAt(stack.provider)).toBe(0);
  });

  it("says of an actor that it is the actor token which is refused", async () => {
    const stack = await given();
    const answer = await exchangeAt(stack.cambio, await stack.token(usual), { actorToken: { value: "e30.e30.e30" } });
    expect(detailOf(answer)).toMatchObject({ field: "ERROR_FIELD_ACTOR_TOKEN", oauthError: "access_denied" });
  });

  it("leaves an intent and an outcome on the audit trail, and on a hit an outcome alone", async () => {
    const stack = await given();
    const token = await stack.token(usual);
    await swapAt(stack.cambio, token);
    await swapAt(stack.cambio, token);
    await exchangeAt(stack.cambio, token);
    const records = stack.cambio.auditLines().filter(({ caller, kind }) => caller === "orders" && kind !== undefined);
    expect(records.map(({ kind, method }) => [kind, method])).toEqual([
      ["intent", "ValidateCrossClient"],
      ["outcome", "ValidateCrossClient"],
      ["outcome", "ValidateCrossClient"],
      ["intent", "Exchange"],
      ["outcome", "Exchange"],
    ]);
    for (const record of records)
      expect(record).toMatchObject({ provider: "main", subject: "alice", audience: "orders", origin_client: "cambio" });
  });

  it("gets nothing while the audit trail cannot be written, and the provider hears nothing", async () => {
    let broken = false;
    const stack = await given({
      onAudit: () => {
        if (broken) throw new Error("no space left");
      },
    });
    const token = await stack.token(usual);
    broken = true;
    expect([await swapAt(stack.cambio, token), await exchangeAt(stack.cambio, token)].map(outcomeOf)).toEqual([
      "AUDIT_UNAVAILABLE",
      "AUDIT_UNAVAILABLE",
    ]);
    expect(exchangesAt(stack.provider)).toBe(0);
    broken = false;
  });

  it("that leaves ends the exchange, where nobody else waits for it", async () => {
    const stack = await given();
    const release = stack.provider.hold("token");
    const leaving = new AbortController();
    const token = await stack.token(usual);
    const asking = fetch(`${stack.cambio.url}/cambio.v1.TokenExchangeService/ValidateCrossClient`, {
      method: "POST",
      signal: leaving.signal,
      headers: { "content-type": "application/json", authorization: stack.authorization("orders") },
      body: JSON.stringify({ token: { value: token }, exchange: true }),
    });
    await expect.poll(() => exchangesAt(stack.provider)).toBe(1);
    const before = stack.provider.connections();
    leaving.abort();
    await expect(asking).rejects.toThrow("aborted");
    await expect.poll(() => stack.provider.connections()).toBeLessThan(before);
    release();
  });
});

describe("a client that is disabled while the service runs", () => {
  it("has nothing exchanged, not even what is remembered, and refreshes nothing", async () => {
    const { stack } = await servers.given({ sqlite: true }, exchanging);
    const token = await stack.token(usual);
    const { body } = await exchangeAt(stack.cambio, token, { requestedTokenType: "urn:ietf:params:oauth:token-type:refresh_token" });
    const { refreshToken } = body["tokens"] as { refreshToken: string };
    const calls = [
      () => swapAt(stack.cambio, token),
      () => exchangeAt(stack.cambio, token),
      () => exchangeAt(stack.cambio, token, { clientId: "web" }, { origin: page }),
      () => stack.cambio.rpc("Refresh", { refreshToken }, { authorization: stack.authorization("orders") }),
    ];
    for (const call of calls.slice(0, 3)) await call();
    expect(outcomeOf(await swapAt(stack.cambio, token))).toBe("tokens");
    const before = stack.provider.requests.length;
    stack.cambio.reload(off(stack.configuration));
    for (const call of calls) expect(outcomeOf(await call())).toBe("CALLER_NOT_ALLOWED");
    expect(stack.provider.requests.length).toBe(before);
    stack.cambio.reload(stack.configuration);
    for (const call of calls) expect(outcomeOf(await call())).toBe("tokens");
  });
});

describe("a page", () => {
  it("has a token exchanged from its own origin only: whoever has seen a token can send it", async () => {
    const stack = await given();
    const token = await stack.token({ scope: "orders:read" });
    const from = (headers: Readonly<Record<string, string>>) => exchangeAt(stack.cambio, token, { clientId: "web" }, headers);
    expect(outcomeOf(await from({ origin: page }))).toBe("tokens");
    for (const headers of [{}, { origin: "https://evil.example" }, { origin: "null" }])
      expect(outcomeOf(await from(headers as Readonly<Record<string, string>>))).toBe("ORIGIN_NOT_ALLOWED");
    expect(exchangesAt(stack.provider)).toBe(1);
  });

  it("cannot have a token exchanged by validation, nor under the name of a service", async () => {
    const stack = await given();
    const token = await stack.token(usual);
    const validation = await stack.cambio.rpc("ValidateCrossClient", { token: { value: token }, exchange: true }, { origin: page });
    expect(outcomeOf(validation)).toBe("CALLER_UNAUTHENTICATED");
    for (const clientId of ["orders", "", "nobody"])
      expect(outcomeOf(await exchangeAt(stack.cambio, token, { clientId }, { origin: page }))).toBe("CALLER_UNAUTHENTICATED");
    expect(exchangesAt(stack.provider)).toBe(0);
  });
});

describe("an assertion", () => {
  it("is spent by a validation that exchanges, and by none that does not", async () => {
    const { stack, replicas } = await proving("one");
    const [at] = replicas as [Instance];
    const [token, shown] = [await stack.token(usual), byOrders(stack.time.nowMs)];
    const outcomes: unknown[] = [];
    for (const exchange of [false, false, true, true, false]) outcomes.push(outcomeOf(await ask(at, token, shown, exchange)));
    expect(outcomes).toEqual(["tokens", "tokens", "tokens", "CALLER_UNAUTHENTICATED", "tokens"]);
    expect(exchangesAt(stack.provider)).toBe(1);
  });

  it("that was stolen and is shown at all replicas at once has one exchange made", async () => {
    const { stack, replicas } = await proving("three");
    const shown = byOrders(stack.time.nowMs);
    const tokens = await Promise.all(Array.from({ length: 12 }, () => stack.token(usual)));
    const answers = await Promise.all(tokens.map((token, number) => ask(replicas[number % 3] as Instance, token, shown, true)));
    expect(answers.map(outcomeOf).filter((outcome) => outcome === "tokens")).toHaveLength(1);
    expect(exchangesAt(stack.provider)).toBe(1);
  });

  it("that was spent is refused before the token is looked at, on a hit as on a miss", async () => {
    const { stack, replicas } = await proving("one");
    const [at] = replicas as [Instance];
    const [token, shown] = [await stack.token(usual), byOrders(stack.time.nowMs)];
    await ask(at, token, shown, true);
    const before = stack.provider.requests.length;
    expect(outcomeOf(await ask(at, token, shown, true))).toBe("CALLER_UNAUTHENTICATED");
    expect(outcomeOf(await ask(at, "a.b.c", shown, true))).toBe("CALLER_UNAUTHENTICATED");
    expect(stack.provider.requests.length).toBe(before);
  });
});
