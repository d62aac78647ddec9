import { setTimeout as wait } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import type { Endpoint, HttpCall } from "../../src/net/http-call.ts";
import { createHttpClient, type HttpCallReport, type HttpClient } from "../../src/net/http-client.ts";
import { HttpFailure } from "../../src/net/http-failure.ts";
import { createProviderGuard, type GuardEvent } from "../../src/net/provider-guard.ts";
import { type FrozenClock, frozenClock } from "../cache/fixtures.ts";
import { type FakeProvider, startFakeProvider } from "../support/fake-provider.ts";
import type { Fault } from "../support/faults.ts";

const shortMs = 150;
const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

interface Rig {
  readonly fake: FakeProvider;
  readonly clock: FrozenClock;
  readonly http: HttpClient;
  /** Another client of the same provider. */
  readonly other: HttpClient;
  readonly events: readonly GuardEvent[];
  readonly reports: readonly HttpCallReport[];
  call(endpoint: "token" | "jwks", more?: Partial<HttpCall>): HttpCall;
  /** The status, or the code of the failure. */
  ask(endpoint?: "token" | "jwks", more?: Partial<HttpCall>): Promise<number | string>;
  /** As many calls as open a circuit, each of which meets this fault. */
  fail(fault: Fault, endpoint?: "token" | "jwks"): Promise<void>;
}

async function startRig(timeoutMs = 5_000): Promise<Rig> {
  const fake = await startFakeProvider();
  closers.push(fake.close);
  const clock = frozenClock();
  const events: GuardEvent[] = [];
  const reports: HttpCallReport[] = [];
  const guard = createProviderGuard({ clock, random: () => 1, onEvent: (event) => void events.push(event) });
  const connect = () => {
    const http = createHttpClient({
      provider: "main",
      clock,
      timeoutMs,
      guard,
      allowedOrigins: new Set([fake.issuer]),
      allowHttp: false,
      onCall: (report) => void reports.push(report),
    });
    closers.push(http.close);
    return http;
  };
  const [http, other] = [connect(), connect()];
  const call: Rig["call"] = (endpoint, more) => ({
    endpoint,
    method: endpoint === "token" ? "POST" : "GET",
    url: `${fake.issuer}/${endpoint}`,
    headers: { "content-type": "application/x-www-form-urlencoded" },
    ...(endpoint === "token" ? { body: "grant_type=x" } : {}),
    ...more,
  });
  const ask: Rig["ask"] = (endpoint = "token", more = {}) => outcomeOf(http, call(endpoint, more));
  return {
    fake,
    clock,
    http,
    other,
    events,
    reports,
    call,
    ask,
    async fail(fault, endpoint = "token") {
      fake.faults.next(endpoint, fault, 20);
      for (let count = 0; count < 10; count += 1) await ask(endpoint);
      fake.faults.clear();
    },
  };
}

function outcomeOf(http: HttpClient, call: HttpCall): Promise<number | string> {
  return http.send(call).then(
    ({ status }) => status,
    (failure: unknown) => (failure instanceof HttpFailure ? failure.code : String(failure)),
  );
}

const opened = (endpoint: Endpoint, failures = 10, calls = 10): GuardEvent => ({ kind: "opened", endpoint, failures, calls });

describe("what opens a circuit", () => {
  it.each<[string, Fault]>([
    ["a reset connection", { kind: "reset" }],
    ["half an answer", { kind: "truncate" }],
    ["bytes that are not HTTP", { kind: "raw", bytes: "SSH-2.0-nonsense\r\n" }],
    ["500", { kind: "status", status: 500 }],
    ["503", { kind: "html", status: 503 }],
  ])("%s, ten times", async (_name, fault) => {
    const { fail, ask, fake, events } = await startRig();
    await fail(fault);
    expect(await ask()).toBe("circuit_open");
    expect(fake.callsTo("token")).toBe(10);
    expect(events).toEqual([opened("token"), { kind: "refused", endpoint: "token", by: "circuit" }]);
  });

  it("our own time limit, ten times", async () => {
    const { fake, ask, call, http, events } = await startRig(shortMs);
    fake.faults.always("token", { kind: "hang-before-headers" });
    await Promise.all(Array.from({ length: 10 }, () => outcomeOf(http, call("token"))));
    expect(await ask()).toBe("circuit_open");
    expect(events[0]).toEqual(opened("token"));
  });

  it("a refused connection, ten times", async () => {
    const { fake, ask } = await startRig();
    await fake.close();
    closers.shift();
    for (let count = 0; count < 10; count += 1) expect(await ask()).not.toBe("circuit_open");
    expect(await ask()).toBe("circuit_open");
  });

  it.each([400, 401, 403, 404, 408, 429])("is not %i: what was asked was wrong, and the endpoint answers", async (status) => {
    const { fake, ask, events } = await startRig();
    fake.faults.always("token", { kind: "status", status });
    for (let count = 0; count < 15; count += 1) expect(await ask()).toBe(status);
    expect(events).toEqual([]);
  });

  it("is not an attacker with tiny deadlines", async () => {
    const { fake, call, http, ask, events } = await startRig();
    const release = fake.hold("jwks");
    for (let count = 0; count < 15; count += 1) {
      const caller = new AbortController();
      const asked = outcomeOf(http, call("jwks", { signal: caller.signal }));
      await expect.poll(() => fake.callsTo("jwks")).toBe(count + 1);
      caller.abort();
      expect(await asked).toBe("no_answer_in_time");
    }
    release();
    expect(await ask("jwks")).toBe(200);
    expect(events).toEqual([]);
  });

  it("is not what was refused here: an address that is not allowed, a caller who was gone before", async () => {
    const { ask, events } = await startRig();
    for (let count = 0; count < 15; count += 1) {
      expect(await ask("token", { url: "https://evil.example/token" })).toBe("origin_not_allowed");
      expect(await ask("jwks", { signal: AbortSignal.abort() })).toBe("not_sent_in_time");
      expect(await ask("token", { headers: { "not a name": "x" } })).toBe("UND_ERR_INVALID_ARG");
    }
    expect(events).toEqual([]);
  });
});

describe("an open circuit", () => {
  const down: Fault = { kind: "status", status: 500 };

  it("is that of one endpoint, for all clients of the provider", async () => {
    const { fail, other, call, ask } = await startRig();
    await fail(down);
    expect(await outcomeOf(other, call("token"))).toBe("circuit_open");
    expect(await ask("jwks")).toBe(200);
  });

  it("refuses with nothing sent and the time to wait, and makes no dead endpoint look quick", async () => {
    const { fail, http, call, clock, reports } = await startRig();
    await fail(down);
    clock.advance(250);
    const refused = await http.send(call("token")).catch((failure: unknown) => failure);
    expect(refused).toMatchObject({ kind: "unavailable", sent: false, code: "circuit_open", retryAfterMs: 1_000 });
    expect(reports).toHaveLength(10);
  });

  it("lets one of a hundred callers through when its pause is over, and all once that one is answered", async () => {
    const { fail, fake, clock, ask, events } = await startRig();
    await fail(down);
    clock.advance(1_000);
    const release = fake.hold("token");
    const first = ask();
    await expect.poll(() => fake.callsTo("token")).toBe(11);
    const others = await Promise.all(Array.from({ length: 100 }, () => ask()));
    expect(new Set(others)).toEqual(new Set(["circuit_open"]));
    expect(fake.callsTo("token")).toBe(11);
    release();
    // What the fake provider says of that call, which closes the circuit.
    expect(await first).toBe(400);
    expect(await ask()).toBe(400);
    expect(events.filter(({ kind }) => kind !== "refused")).toEqual([opened("token"), { kind: "closed", endpoint: "token" }]);
  });

  it("a stop does not wait for a probe that hangs and that nobody waits for, such as a collector's", async () => {
    const { fake, clock, fail, call, http } = await startRig(60_000);
    await fail({ kind: "status", status: 500 }, "jwks");
    fake.faults.always("jwks", { kind: "hang-before-headers" });
    clock.advance(60_000);
    const asker = new AbortController();
    const asked = outcomeOf(http, call("jwks", { signal: asker.signal }));
    await expect.poll(() => fake.callsTo("jwks")).toBe(11);
    asker.abort();
    expect(await asked).toBe("no_answer_in_time");
    closers.splice(closers.indexOf(http.close), 1);
    await http.close();
  });

  it("an attacker who leaves early does not end the one call that is let through: it closes the circuit all the same", async () => {
    const { fail, fake, clock, http, call, ask } = await startRig();
    await fail(down, "jwks");
    clock.advance(1_000);
    const release = fake.hold("jwks");
    const before = fake.callsTo("jwks");
    const attacker = new AbortController();
    const leaving = outcomeOf(http, call("jwks", { signal: attacker.signal }));
    await expect.poll(() => fake.callsTo("jwks")).toBe(before + 1);
    attacker.abort();
    expect(await leaving).toBe("no_answer_in_time");
    expect(await ask("jwks")).toBe("circuit_open");
    release();
    await expect.poll(() => ask("jwks")).toBe(200);
  });

  it("sends the one call that is let through once only", async () => {
    const { fail, fake, clock, ask } = await startRig();
    await fail(down, "jwks");
    const before = fake.callsTo("jwks");
    clock.advance(1_000);
    fake.faults.next("jwks", { kind: "reset" });
    expect(await ask("jwks")).toMatch(/^(ECONNRESET|UND_ERR_SOCKET)$/);
    expect(fake.callsTo("jwks")).toBe(before + 1);
    expect(await ask("jwks")).toBe("circuit_open");
  });
});

describe("an endpoint that asks for a pause", () => {
  const limited: Fault = { kind: "status", status: 429, headers: { "retry-after": "7" } };
  const away: Fault = { kind: "status", status: 503, headers: { "retry-after": "7" } };

  it.each([
    ["429", limited, "rate_limited"],
    ["503", away, "unavailable"],
  ] as const)("by %s is not asked until then, by any client of the provider", async (_name, fault, kind) => {
    const { fake, ask, http, other, call, clock, events } = await startRig();
    fake.faults.next("token", fault);
    await ask();
    clock.advance(3_000);
    for (const one of [http, other]) {
      const refused = await one.send(call("token")).catch((failure: unknown) => failure);
      expect(refused).toMatchObject({ kind, sent: false, code: "pause_asked_for", retryAfterMs: 4_000 });
    }
    expect(fake.callsTo("token")).toBe(1);
    expect(events).toContainEqual({ kind: "refused", endpoint: "token", by: "pause" });
    expect(await ask("jwks")).toBe(200);
    clock.advance(4_000);
    expect(await ask()).toBe(400);
  });

  it("is asked on where it does not say for how long", async () => {
    const { fake, ask } = await startRig();
    fake.faults.next("token", { kind: "status", status: 429 });
    expect([await ask(), await ask()]).toEqual([429, 400]);
  });

  it("an attacker's junk that is answered with an hour's pause keeps the others out for ten seconds, and then not for ten more", async () => {
    const { fake, ask, clock } = await startRig();
    fake.faults.always("token", { kind: "status", status: 429, headers: { "retry-after": "3600" } });
    const heard: (number | string)[] = [];
    for (let second = 0; second < 40; second += 1) {
      heard.push(await ask());
      clock.advance(1_000);
    }
    const outside = heard.map((one) => (one === 429 ? "." : "x")).join("");
    expect(outside).toBe(".xxxxxxxxx...........xxxxxxxxx..........");
  });

  it("is left alone for five minutes at most where the requests are our own", async () => {
    const { fake, ask, clock } = await startRig();
    fake.faults.next("jwks", { kind: "status", status: 429, headers: { "retry-after": "3600" } });
    await ask("jwks");
    clock.advance(299_999);
    expect(await ask("jwks")).toBe("pause_asked_for");
    clock.advance(1);
    expect(await ask("jwks")).toBe(200);
  });
});

describe("what only asks", () => {
  const introspection = { method: "POST", idempotent: true } as const;

  it.each<[string, Fault, Partial<HttpCall>]>([
    ["a GET, after a reset", { kind: "reset" }, {}],
    ["a GET, after half an answer", { kind: "truncate" }, {}],
    ["a GET, after 502", { kind: "html", status: 502 }, {}],
    ["a GET, after 503", { kind: "html", status: 503 }, {}],
    ["a GET, after 504", { kind: "html", status: 504 }, {}],
    ["a POST that is marked, after a reset", { kind: "reset" }, introspection],
    ["a POST that is marked, after 503", { kind: "status", status: 503 }, introspection],
  ])("is sent once more: %s", async (_name, fault, more) => {
    const { fake, ask, events, reports } = await startRig();
    fake.faults.next("jwks", fault);
    expect(await ask("jwks", more)).toBe(200);
    expect(fake.callsTo("jwks")).toBe(2);
    expect(events).toEqual([{ kind: "retried", endpoint: "jwks" }]);
    expect(reports).toMatchObject([{ status: 200, outcome: "answered" }]);
  });

  it.each<[string, Fault, number | string]>([
    ["503 that says when to come back", { kind: "status", status: 503, headers: { "retry-after": "2" } }, 503],
    ["502 that says so", { kind: "status", status: 502, headers: { "retry-after": "2" } }, 502],
    ["500", { kind: "status", status: 500 }, 500],
    ["429", { kind: "status", status: 429 }, 429],
    ["nonsense", { kind: "raw", bytes: "SSH-2.0-nonsense\r\n" }, "UNKNOWN"],
  ])("is not after %s", async (_name, fault, outcome) => {
    const { fake, ask } = await startRig();
    fake.faults.next("jwks", fault);
    expect(await ask("jwks")).toBe(outcome);
    expect(fake.callsTo("jwks")).toBe(1);
  });

  it("is sent within the time of the call, the second time included", async () => {
    const { fake, ask } = await startRig(shortMs);
    fake.faults.next("jwks", { kind: "reset" });
    fake.faults.always("jwks", { kind: "hang-before-headers" });
    const startedMs = performance.now();
    expect(await ask("jwks")).toBe("no_answer_in_time");
    expect(performance.now() - startedMs).toBeLessThan(2 * shortMs);
  });

  it("is sent once more for three calls, and no more while everything fails", async () => {
    const { fake, ask, events } = await startRig();
    fake.faults.always("jwks", { kind: "status", status: 502 });
    for (let count = 0; count < 6; count += 1) expect(await ask("jwks")).toBe(502);
    expect(fake.callsTo("jwks")).toBe(9);
    expect(events.filter(({ kind }) => kind === "retried")).toHaveLength(3);
  });

  it("waits for nothing where it may not be sent again", () => {
    const guard = createProviderGuard({ clock: frozenClock(), random: () => 1 });
    for (let count = 0; count < 3; count += 1) {
      expect(guard.pauseBeforeRepeat("jwks")).toBe(75);
      guard.repeat("jwks")?.end(new Response(), false);
    }
    expect(guard.pauseBeforeRepeat("jwks")).toBeUndefined();
  });

  it("is not what spends something: a code that may have been acted on is never sent a second time", async () => {
    const { fake, ask } = await startRig();
    for (const fault of [{ kind: "reset" }, { kind: "status", status: 503 }, { kind: "truncate" }] as const) {
      fake.faults.next("token", fault);
      await ask();
    }
    await wait(shortMs);
    expect(fake.callsTo("token")).toBe(3);
  });
});
