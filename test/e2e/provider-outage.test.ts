import { afterEach, describe, expect, it } from "vitest";
import type { Configuration } from "../../src/config/schema.ts";
import { eventually } from "../support/eventually.ts";
import { type FakeProvider, startFakeProvider } from "../support/fake-provider.ts";
import {
  type Answer,
  backendRedirectUri,
  detailOf,
  type FakeCode,
  type FakeStack,
  type FakeStackOptions,
  page,
  pageRedirectUri,
  reasonOf,
  startFakeStack,
} from "../support/fake-stack.ts";
import type { Fault } from "../support/faults.ts";
import { strangeVerifier } from "./protocol-case.ts";
import { outcomeOf } from "./replica-rig.ts";

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

async function startStack(options: FakeStackOptions = {}): Promise<FakeStack> {
  const stack = await startFakeStack(options);
  closers.push(stack.close);
  return stack;
}

const redeem = ({ cambio }: FakeStack, { code, codeVerifier, redirectUri, state }: FakeCode): Promise<Answer> =>
  cambio.rpc("Exchange", { clientId: "web", authorizationCode: { code, codeVerifier, redirectUri, state } }, { origin: page });

const junk = (number: number): FakeCode => ({
  code: `junk-${number}`,
  codeVerifier: strangeVerifier,
  redirectUri: pageRedirectUri,
  state: "",
});

const refresh = ({ cambio }: FakeStack, refreshToken: string): Promise<Answer> =>
  cambio.rpc("Refresh", { clientId: "web", refreshToken }, { origin: page });

const tokensOf = ({ body }: Answer) => body["tokens"] as Readonly<Record<string, string>>;
const told = (answer: Answer) => [reasonOf(answer), detailOf(answer)?.["retryAfter"]];

/** Ten codes that the token endpoint fails on. */
async function openCircuit(stack: FakeStack): Promise<void> {
  stack.provider.faults.always("token", { kind: "status", status: 500 });
  for (let number = 0; number < 10; number += 1) expect(outcomeOf(await redeem(stack, junk(number)))).toBe("OUTCOME_UNKNOWN");
  stack.provider.faults.clear();
}

async function askForPause(stack: FakeStack, status: 429 | 503): Promise<void> {
  const fault: Fault = { kind: "status", status, headers: { "retry-after": "1" } };
  stack.provider.faults.next("token", fault);
  await redeem(stack, junk(status));
}

describe("a one-time credential that was not sent", () => {
  const refusals: readonly (readonly [string, string, (stack: FakeStack) => Promise<void>])[] = [
    ["an open circuit", "UPSTREAM_UNAVAILABLE", openCircuit],
    ["a pause after 429", "UPSTREAM_RATE_LIMITED", (stack) => askForPause(stack, 429)],
    ["a pause after 503", "UPSTREAM_UNAVAILABLE", (stack) => askForPause(stack, 503)],
  ];
  const memories: readonly (readonly [string, FakeStackOptions])[] = [
    ["the process", {}],
    ["a database", { database: { location: { kind: "sqlite", file: ":memory:" } } }],
  ];
  const cases = refusals.flatMap(([by, reason, begin]) => memories.map(([where, options]) => ({ by, reason, begin, where, options })));

  it.each(cases)("by $by is not used up: code and handle are good when the provider answers again ($where)", async (given) => {
    const stack = await startStack(given.options);
    const { refreshToken = "" } = tokensOf(await redeem(stack, await stack.newCode()));
    const code = await stack.newCode();
    await given.begin(stack);
    const before = stack.provider.callsTo("token");

    expect(told(await redeem(stack, code))).toEqual([given.reason, "1s"]);
    expect(told(await redeem(stack, code))).toEqual([given.reason, "1s"]);
    expect(told(await refresh(stack, refreshToken))).toEqual([given.reason, "1s"]);
    expect(stack.provider.callsTo("token")).toBe(before);

    stack.time.nowMs += 1_000;
    expect(outcomeOf(await redeem(stack, code))).toBe("200");
    expect(outcomeOf(await refresh(stack, refreshToken))).toBe("200");
    expect(outcomeOf(await redeem(stack, code))).toBe("GRANT_INVALID");
  });
});

const circuitLines = (stack: FakeStack) =>
  stack.cambio
    .logLines()
    .filter(({ msg }) => String(msg).startsWith("the provider's endpoint"))
    .map(({ level, provider, upstream_endpoint: endpoint, failures, calls }) => ({ level, provider, endpoint, failures, calls }));

describe("an endpoint that fails and comes back", () => {
  it("leaves one line when it is no longer asked and one when it is again; metrics show it; the service stays ready", async () => {
    const stack = await startStack();
    const labels = { provider: "main", endpoint: "token" };
    const isOpen = () => stack.cambio.metric("cambio_upstream_circuit_open", labels);
    await stack.newCode();
    await openCircuit(stack);
    for (let number = 0; number < 5; number += 1) await redeem(stack, junk(number + 100));
    expect(await isOpen()).toBe(1);
    expect(await stack.cambio.metric("cambio_upstream_refusals_total", { ...labels, by: "circuit" })).toBe(5);
    expect((await fetch(`${stack.cambio.url}/readyz`)).status).toBe(200);
    expect(outcomeOf(await stack.cambio.validate(await stack.token()))).toBe("200");

    // One probe that fails: no other line.
    stack.provider.faults.next("token", { kind: "reset" });
    stack.time.nowMs += 1_000;
    expect(outcomeOf(await redeem(stack, junk(200)))).toBe("OUTCOME_UNKNOWN");
    expect(outcomeOf(await redeem(stack, junk(201)))).toBe("UPSTREAM_UNAVAILABLE");
    stack.time.nowMs += 2_000;
    expect(outcomeOf(await redeem(stack, await stack.newCode()))).toBe("200");
    expect(await isOpen()).toBe(0);
    const line = { provider: "main", endpoint: "token" };
    expect(circuitLines(stack)).toEqual([
      { ...line, level: "warn", failures: 10, calls: 10 },
      { ...line, level: "info", failures: undefined, calls: undefined },
    ]);
  });

  it("is asked a second time for what only asks, and the metrics count it", async () => {
    const stack = await startStack();
    stack.provider.faults.next("discovery", { kind: "status", status: 502 });
    await stack.newCode();
    expect(await stack.cambio.metric("cambio_upstream_retries_total", { provider: "main", endpoint: "discovery" })).toBe(1);
    expect(stack.provider.callsTo("discovery")).toBe(2);
  });

  it("is shown as it is in the configuration of now: a reload that changes the provider begins anew", async () => {
    const stack = await startStack();
    await openCircuit(stack);
    const { main } = stack.configuration.providers;
    if (main === undefined) throw new Error("the example's provider has another name");
    stack.cambio.reload({ ...stack.configuration, providers: { ...stack.configuration.providers, main: { ...main, timeout: 9_000 } } });
    expect(outcomeOf(await redeem(stack, await stack.newCode()))).toBe("200");
    expect(await stack.cambio.metric("cambio_upstream_circuit_open", { provider: "main", endpoint: "token" })).toBe(0);
  });
});

async function signInAtSecond({ cambio, authorization }: FakeStack, second: FakeProvider): Promise<string> {
  const by = { authorization: authorization("backend") };
  const started = await cambio.rpc("CreateAuthorizationUrl", { provider: "second" }, by);
  if (started.status !== 200) return outcomeOf(started);
  const { code, state } = await second.login(String(started.body["authorizationUrl"]));
  const authorizationCode = { code, state, redirectUri: backendRedirectUri };
  return outcomeOf(await cambio.rpc("Exchange", { provider: "second", authorizationCode }, by));
}

describe("a provider that hangs under a flood", () => {
  const places = 100;
  const share = 40;
  /** Far below the time limit of 10 s, far above what a loaded machine needs. */
  const promptMs = 3_000;

  async function startTwo(): Promise<{ stack: FakeStack; second: FakeProvider }> {
    const time: { now: () => number } = { now: Date.now };
    const second = await startFakeProvider({ clock: () => time.now() });
    closers.push(second.close);
    const stack = await startStack({ change: (configuration) => withSecond(configuration, second) });
    time.now = () => stack.time.nowMs;
    return { stack, second };
  }

  function withSecond(configuration: Configuration, second: FakeProvider): Configuration {
    const { providers, clients, audiences, limits } = configuration;
    const { main } = providers;
    const { backend } = clients;
    const { orders } = audiences;
    if (main === undefined || backend?.providers["main"] === undefined || orders?.accepts["main"] === undefined)
      throw new Error("the example's names have changed");
    return {
      ...configuration,
      limits: { ...limits, concurrent_calls: places },
      providers: { ...providers, second: { ...main, issuer: second.issuer } },
      audiences: { ...audiences, orders: { ...orders, accepts: { ...orders.accepts, second: orders.accepts["main"] } } },
      clients: { ...clients, backend: { ...backend, providers: { ...backend.providers, second: backend.providers["main"] } } },
    };
  }

  async function promptly(work: () => Promise<string>): Promise<string> {
    const startedMs = performance.now();
    const outcome = await work();
    expect(performance.now() - startedMs).toBeLessThan(promptMs);
    return outcome;
  }

  /** Whatever does not need the provider that hangs. */
  async function expectOthersWell({ stack, second }: { stack: FakeStack; second: FakeProvider }, remembered: string): Promise<void> {
    expect(await promptly(() => signInAtSecond(stack, second))).toBe("200");
    // Answered from what is remembered, and by the keys at hand, of that very provider.
    expect(await promptly(async () => outcomeOf(await stack.cambio.validate(remembered)))).toBe("200");
    expect(await promptly(async () => outcomeOf(await stack.cambio.validate(await stack.token())))).toBe("200");
    expect(await promptly(async () => outcomeOf(await stack.cambio.validate(await second.mint({ client_id: "cambio" }))))).toBe("200");
    // It needs nothing of the provider but its addresses, which are known.
    const starting = () =>
      stack.cambio.rpc("CreateAuthorizationUrl", { provider: "main" }, { authorization: stack.authorization("backend") });
    expect(await promptly(async () => outcomeOf(await starting()))).toBe("200");
  }

  it("at its token endpoint has two fifths of the places; the rest of the flood is refused at once, and nobody else is slowed", async () => {
    const { stack, second } = await startTwo();
    const remembered = await stack.token();
    await stack.cambio.validate(remembered);
    await stack.newCode();
    const letGo = stack.provider.hold("token");
    const waiting = Array.from({ length: share }, (_, number) => redeem(stack, junk(number)));
    await eventually("the provider has them", () => stack.provider.callsTo("token") === share);

    const flood = await Promise.all(Array.from({ length: 20 }, (_, number) => redeem(stack, junk(1_000 + number))));
    expect(new Set(flood.map((answer) => told(answer).join()))).toEqual(new Set(["UPSTREAM_UNAVAILABLE,1s"]));
    expect(stack.provider.callsTo("token")).toBe(share);
    expect(stack.cambio.logLines().some((line) => line["policy_rule"] === "limits.concurrent_calls")).toBe(true);
    await expectOthersWell({ stack, second }, remembered);

    letGo();
    await Promise.all(waiting);
    expect(outcomeOf(await redeem(stack, await stack.newCode()))).toBe("200");
  });

  it("is refused to who asks with one handle again and again, though all of them wait for one request", async () => {
    const { stack, second } = await startTwo();
    const remembered = await stack.token();
    await stack.cambio.validate(remembered);
    const { refreshToken = "" } = tokensOf(await redeem(stack, await stack.newCode()));
    const letGo = stack.provider.hold("token");
    const before = stack.provider.callsTo("token");
    const asking = Array.from({ length: 60 }, () => refresh(stack, refreshToken));
    const refused = await Promise.any(asking.map(async (one) => told(await one)));
    expect(refused).toEqual(["UPSTREAM_UNAVAILABLE", "1s"]);
    await expectOthersWell({ stack, second }, remembered);

    letGo();
    const outcomes = (await Promise.all(asking)).map(outcomeOf);
    expect(outcomes.filter((outcome) => outcome === "200")).toHaveLength(share);
    expect(outcomes.filter((outcome) => outcome === "UPSTREAM_UNAVAILABLE")).toHaveLength(60 - share);
    expect(stack.provider.callsTo("token")).toBe(before + 1);
  });

  it("at its keys has no more of them, though only one request is under way", async () => {
    const { stack, second } = await startTwo();
    const remembered = await stack.token();
    await stack.cambio.validate(remembered);
    // Signed by a key that is not known yet.
    const known = await stack.token();
    await stack.provider.keys.rotate();
    stack.time.nowMs += 30_000;
    const letGo = stack.provider.hold("jwks");
    const unknown = await Promise.all(Array.from({ length: 60 }, () => stack.token()));
    const asking = unknown.map((token) => stack.cambio.validate(token));
    const refused = await Promise.any(asking.map(async (one) => told(await one)));
    expect(refused).toEqual(["UPSTREAM_UNAVAILABLE", "1s"]);
    expect(await promptly(() => signInAtSecond(stack, second))).toBe("200");
    for (const token of [remembered, known]) expect(await promptly(async () => outcomeOf(await stack.cambio.validate(token)))).toBe("200");

    letGo();
    const outcomes = (await Promise.all(asking)).map(outcomeOf);
    expect(outcomes.filter((outcome) => outcome === "200")).toHaveLength(share);
    expect(outcomes.filter((outcome) => outcome === "UPSTREAM_UNAVAILABLE")).toHaveLength(60 - share);
  });
});
