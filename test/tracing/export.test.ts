import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createSingleFlight } from "../../src/cache/single-flight.ts";
import { Secret } from "../../src/exchange/secret.ts";
import { createHttpClient } from "../../src/net/http-client.ts";
import { createProviderGuard } from "../../src/net/provider-guard.ts";
import type { CollectorState } from "../../src/tracing/sdk/collector.ts";
import { type StartedTraces, startTraces } from "../../src/tracing/sdk/start-traces.ts";
import { eventually } from "../support/eventually.ts";
import { type OtlpCollector, startOtlpCollector } from "../support/otlp-collector.ts";

let collector: OtlpCollector;
let states: CollectorState[];
let counts: { exported: number; dropped: number };
let traces: StartedTraces;
let parts: AsyncDisposableStack;

/** Milliseconds that a request to the collector may take here. */
const exportLimitMs = 300;

beforeEach(async () => {
  parts = new AsyncDisposableStack();
  collector = await startOtlpCollector();
  parts.defer(() => collector.close());
  states = [];
  counts = { exported: 0, dropped: 0 };
  traces = start(collector.url);
});
afterEach(() => parts.disposeAsync());

function start(url: string): StartedTraces {
  const allowedOrigins = new Set([new URL(url).origin]);
  const guard = createProviderGuard({ clock: Date.now, random: Math.random });
  const rules = { allowedOrigins, allowHttp: false, provider: "traces", timeoutMs: exportLimitMs };
  const http = createHttpClient({ ...rules, clock: Date.now, guard });
  parts.defer(() => http.close());
  return startTraces(
    {
      clock: Date.now,
      now: () => performance.now(),
      http,
      onState: (state) => states.push(state),
      onSent({ exported, dropped }) {
        counts.exported += exported;
        counts.dropped += dropped;
      },
    },
    {
      url,
      headers: [["x-key", new Secret("key")]],
      resource: { "service.name": "cambio", "service.instance.id": "1" },
      sampleRatio: 1,
    },
  );
}

const endSpans = (count: number): void => {
  for (let number = 0; number < count; number += 1) {
    const span = traces.call({ name: "call", startMs: Date.now(), remote: undefined, trusted: false });
    span.end({ attributes: { "cambio.reason": "OK" }, failed: false, endMs: Date.now() });
  }
};

describe("spans", () => {
  it("are sent in batches, one after the other, each of them once", async () => {
    endSpans(1_200);
    await traces.close(5_000);
    expect(collector.spans).toHaveLength(1_200);
    expect(collector.requests).toHaveLength(3);
    expect(counts).toEqual({ exported: 1_200, dropped: 0 });
    expect(collector.violations).toEqual([]);
    expect(states).toEqual([{ kind: "taken" }]);
  });

  it("carry the key, and nothing that belongs to a trace", async () => {
    endSpans(1);
    await traces.close(5_000);
    expect(collector.requests[0]?.headers).toMatchObject({ "x-key": "key", "content-type": "application/json" });
    expect(collector.violations).toEqual([]);
  });

  it("that the collector counts as rejected are counted as dropped", async () => {
    collector.behave({ kind: "reject", spans: 2 });
    endSpans(5);
    await traces.close(5_000);
    expect(counts).toEqual({ exported: 3, dropped: 2 });
  });

  it("that end after the close are dropped, and counted", async () => {
    await traces.close(5_000);
    endSpans(1);
    expect(counts).toEqual({ exported: 0, dropped: 1 });
  });

  it("beyond those that may wait are dropped, while the collector is waited for", async () => {
    collector.behave({ kind: "hang" });
    endSpans(20_000);
    expect(counts.dropped).toBe(20_000 - 512 - 8_192);
    await traces.close(0);
    expect(counts).toEqual({ exported: 0, dropped: 20_000 });
  });
});

describe("a collector that takes nothing", () => {
  it.each([
    ["answers 500", { kind: "status", status: 500 }, "500"],
    ["refuses the key", { kind: "status", status: 401 }, "401"],
    ["hangs", { kind: "hang" }, "no_answer_in_time"],
  ] as const)("is told of once, its spans are dropped, and later ones arrive: it %s", async (_what, behaviour, code) => {
    collector.behave(behaviour);
    endSpans(600);
    await eventually("the first batch is given up", () => counts.dropped >= 512);
    endSpans(512);
    await eventually("the second is given up", () => counts.dropped >= 1_024);
    expect(states).toEqual([{ kind: "not_taken", code }]);
    collector.behave({ kind: "take" });
    endSpans(3);
    await traces.close(5_000);
    expect(states.at(-1)).toEqual({ kind: "taken" });
    expect(counts.exported).toBeGreaterThanOrEqual(3);
    expect(counts.exported + counts.dropped).toBe(600 + 512 + 3);
  });

  it("is away: that is known without waiting", async () => {
    const url = collector.url;
    await collector.close();
    traces = start(url);
    endSpans(1);
    await traces.close(5_000);
    expect(states).toEqual([{ kind: "not_taken", code: "ECONNREFUSED" }]);
    expect(counts).toEqual({ exported: 0, dropped: 1 });
  });

  it("holds up a stop for no longer than it may, though it hangs", async () => {
    collector.behave({ kind: "hang" });
    endSpans(2_000);
    const begun = performance.now();
    await traces.close(50);
    expect(performance.now() - begun).toBeLessThan(exportLimitMs);
    expect(counts).toEqual({ exported: 0, dropped: 2_000 });
  });
});

describe("work in a call", () => {
  it("has a span below the one that it is done in, and outside of a call none", async () => {
    const beginning = { name: "ask", kind: "client", attributes: {} } as const;
    const span = traces.call({ name: "call", startMs: Date.now(), remote: undefined, trusted: false });
    await span.within(() => traces.child({ ...beginning, name: "outer" }, () => traces.child(beginning, async () => undefined)));
    await traces.child(beginning, async ({ traceparent }) => expect(traceparent).toBeUndefined());
    await traces.child({ ...beginning, name: "alone", alone: true }, async ({ traceparent }) => expect(traceparent).toMatch(/-01$/));
    span.end({ attributes: {}, failed: false, endMs: Date.now() });
    await traces.close(5_000);
    expect(collector.spans.map(({ name }) => name)).toEqual(["ask", "outer", "alone", "call"]);
    const [ask, outer, alone, call] = collector.spans;
    expect([ask?.parentSpanId, outer?.parentSpanId]).toEqual([outer?.spanId, call?.spanId]);
    expect(alone?.parentSpanId).toBeUndefined();
    expect(alone?.traceId).not.toBe(call?.traceId);
    expect(collector.violations).toEqual([]);
  });

  it("that fails names its failure, and never what the failure says", async () => {
    const work = traces.child({ name: "ask", kind: "client", attributes: {}, alone: true }, async () => {
      throw new Error("token eyJhbGciOi");
    });
    await expect(work).rejects.toThrow("eyJhbGciOi");
    await traces.close(5_000);
    expect(collector.spans).toMatchObject([{ failed: true, attributes: { "error.type": "INTERNAL" } }]);
    expect(collector.requests[0]?.body).not.toContain("eyJhbGciOi");
  });

  it("that several calls share belongs to the one that began it", async () => {
    const [one, other] = ["one", "other"].map((name) => traces.call({ name, startMs: Date.now(), remote: undefined, trusted: false }));
    const flights = createSingleFlight(() => 5_000);
    const asking = { name: "ask", kind: "client", attributes: {} } as const;
    const ask = () => flights("keys", new AbortController().signal, () => traces.child(asking, async () => undefined));
    await Promise.all([one?.within(ask), other?.within(ask)]);
    for (const span of [one, other]) span?.end({ attributes: {}, failed: false, endMs: Date.now() });
    await traces.close(5_000);
    expect(collector.named("ask").map(({ traceId }) => traceId)).toEqual([one?.traceId]);
  });
});
