import { afterEach, describe, expect, it } from "vitest";
import { eventually } from "../support/eventually.ts";
import { page } from "../support/fake-stack.ts";
import type { CollectorBehaviour } from "../support/otlp-collector.ts";
import { startTracedStack, type TracedStack } from "../support/traced-stack.ts";

let stack: TracedStack;
afterEach(() => stack.close());

const validated = async (count: number): Promise<readonly number[]> => {
  const token = await stack.token();
  const answers = await Promise.all(Array.from({ length: count }, () => stack.cambio.validate(token)));
  return answers.map(({ status }) => status);
};
const notTaken = (): number => stack.cambio.logLines().filter(({ msg }) => String(msg).startsWith("the collector does not take")).length;

describe("a collector that", () => {
  it.each([
    ["answers 500", { kind: "status", status: 500 }],
    ["hangs", { kind: "hang" }],
    ["is slow", { kind: "slow", ms: 700 }],
  ] as readonly (readonly [string, CollectorBehaviour])[])("%s changes nothing about calls", async (_what, behaviour) => {
    stack = await startTracedStack();
    stack.collector.behave(behaviour);
    expect(new Set(await validated(20))).toEqual(new Set([200]));
    await eventually("an attempt to export", () => stack.collector.requests.length > 0);
    // While the request to the collector is open.
    const begun = performance.now();
    expect(await validated(1)).toEqual([200]);
    expect(performance.now() - begun).toBeLessThan(500);
    stack.collector.behave({ kind: "take" });
  });

  it("is away is told of once, and counted", async () => {
    stack = await startTracedStack({}, { otlp_url: "http://localhost:1/v1/traces" });
    for (let round = 1; round <= 2; round += 1) {
      expect(await validated(5)).toEqual([200, 200, 200, 200, 200]);
      const wanted = 5 * round;
      await eventually(
        "all are dropped",
        async () => (await stack.cambio.metric("cambio_trace_spans_total", { outcome: "dropped" })) >= wanted,
      );
    }
    expect(notTaken()).toBe(1);
  });
});

describe("a stop", () => {
  it("sends what waits, the spans of the last calls included", async () => {
    stack = await startTracedStack();
    expect(await validated(3)).toEqual([200, 200, 200]);
    await stack.cambio.close();
    expect(stack.collector.named("cambio.v1.TokenExchangeService/ValidateCrossClient")).toHaveLength(3);
  });

  it("does not wait for a collector that hangs beyond the drain", async () => {
    stack = await startTracedStack({
      change: (configuration) => ({ ...configuration, server: { ...configuration.server, drain: 1_000 } }),
    });
    stack.collector.behave({ kind: "hang" });
    await validated(3);
    const begun = performance.now();
    await stack.cambio.close();
    expect(performance.now() - begun).toBeLessThan(3_000);
  });
});

describe("an attacker", () => {
  it("who sends too much does not fill the collector", async () => {
    stack = await startTracedStack({
      change: (configuration) => ({ ...configuration, limits: { ...configuration.limits, public_clients: 1 } }),
    });
    const asked = () => stack.cambio.rpc("Refresh", { clientId: "web", refreshToken: "unknown" }, { origin: page });
    const answers = await Promise.all(Array.from({ length: 50 }, asked));
    const limited = answers.filter(({ status }) => status === 429).length;
    expect(limited).toBeGreaterThan(40);
    await stack.cambio.close();
    expect(stack.collector.spans.filter(({ kind }) => kind === "server")).toHaveLength(50 - limited);
  });

  it.each([
    ["malformed", "00-xyz"],
    ["of zeros", `00-${"0".repeat(32)}-${"0".repeat(16)}-01`],
    ["too long", `00-${"a".repeat(32)}-${"b".repeat(16)}-01-${"c".repeat(500)}`],
    ["of two values", `00-${"a".repeat(32)}-${"b".repeat(16)}-01, 00-${"c".repeat(32)}-${"d".repeat(16)}-01`],
  ])("whose traceparent is %s is served, and it is ignored", async (_what, traceparent) => {
    stack = await startTracedStack();
    const headers = { authorization: stack.authorization("orders"), traceparent, "x-request-id": "hostile" };
    expect((await stack.cambio.rpc("ValidateCrossClient", { token: { value: await stack.token() } }, headers)).status).toBe(200);
    const span = await stack.serverSpan("hostile");
    expect(span).toMatchObject({ parentSpanId: undefined, links: [] });
    expect(span.traceId).not.toBe("a".repeat(32));
  });
});
