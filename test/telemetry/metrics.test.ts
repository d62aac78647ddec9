import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createMetrics, type Metrics } from "../../src/telemetry/metrics.ts";

let metrics: Metrics;
beforeEach(() => {
  metrics = createMetrics();
});
afterEach(() => metrics.close());

/** The exposition's samples: `name{labels}` → value. */
async function samples(): Promise<ReadonlyMap<string, number>> {
  const { text } = await metrics.expose();
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(" ")), Number(line.slice(line.lastIndexOf(" ") + 1))]));
}

const circuitOf = (endpoint: string) => `cambio_upstream_circuit_open{provider="main",endpoint="${endpoint}"}`;

describe("metrics", () => {
  it("are exposed in Prometheus form, each series with help and type", async () => {
    metrics.call({ method: "cambio.v1.TokenExchangeService/Exchange", protocol: "grpc", reason: "OK" }, 3);
    const { contentType, text } = await metrics.expose();
    expect(contentType).toMatch(/^text\/plain; version=0\.0\.4/);
    const names = [...text.matchAll(/^# TYPE (\S+) (counter|gauge|histogram)$/gm)].map((match) => match[1]);
    expect(names).toEqual([
      "cambio_calls_total",
      "cambio_call_duration_seconds",
      "cambio_cache_lookups_total",
      "cambio_cache_alarms_total",
      "cambio_upstream_calls_total",
      "cambio_upstream_duration_seconds",
      "cambio_trace_spans_total",
      "cambio_upstream_retries_total",
      "cambio_upstream_refusals_total",
      "cambio_upstream_circuit_open",
      "cambio_event_loop_delay_seconds",
      "cambio_resident_memory_bytes",
      "cambio_background_refreshes_total",
      "cambio_background_refresh_lag_seconds",
      "cambio_connections_ended_total",
      "cambio_webhook_attempts_total",
    ]);
    for (const name of names) expect(text).toMatch(new RegExp(`^# HELP ${name} .+\\.$`, "m"));
  });

  it("show the circuits of a provider as it is configured now: the one before may end later and takes nothing away", async () => {
    const endBefore = metrics.watchCircuits("main", () => [["token", true]]);
    const end = metrics.watchCircuits("main", () => [
      ["token", false],
      ["jwks", true],
    ]);
    endBefore();
    const shown = await samples();
    expect([shown.get(circuitOf("token")), shown.get(circuitOf("jwks"))]).toEqual([0, 1]);
    end();
    expect((await samples()).has(circuitOf("token"))).toBe(false);
  });

  it("count what was sent twice and what was not sent", async () => {
    metrics.upstreamRetry({ provider: "main", endpoint: "jwks" });
    metrics.upstreamRefusal({ provider: "main", endpoint: "token", by: "circuit" });
    const shown = await samples();
    expect(shown.get('cambio_upstream_retries_total{provider="main",endpoint="jwks"}')).toBe(1);
    expect(shown.get('cambio_upstream_refusals_total{provider="main",endpoint="token",by="circuit"}')).toBe(1);
  });

  it("count what the background does with connections, how late it is, how they end, and who was told", async () => {
    metrics.backgroundRefresh({ provider: "main", outcome: "OK" });
    metrics.backgroundLag({ provider: "main" }, 7.5);
    metrics.connectionEnded({ provider: "main", reason: "idle" });
    metrics.webhook({ outcome: "told" });
    const shown = await samples();
    expect(shown.get('cambio_background_refreshes_total{provider="main",outcome="OK"}')).toBe(1);
    expect(shown.get('cambio_background_refresh_lag_seconds{provider="main"}')).toBe(7.5);
    expect(shown.get('cambio_connections_ended_total{provider="main",reason="idle"}')).toBe(1);
    expect(shown.get('cambio_webhook_attempts_total{outcome="told"}')).toBe(1);
  });

  it("count calls by method, protocol and reason, and time them in seconds", async () => {
    const call = { method: "M", protocol: "connect" } as const;
    metrics.call({ ...call, reason: "OK" }, 3);
    metrics.call({ ...call, reason: "OK" }, 30);
    metrics.call({ ...call, reason: "TOKEN_EXPIRED" }, 0.2);
    const found = await samples();
    expect(found.get('cambio_calls_total{method="M",protocol="connect",reason="OK"}')).toBe(2);
    expect(found.get('cambio_calls_total{method="M",protocol="connect",reason="TOKEN_EXPIRED"}')).toBe(1);
    expect(found.get('cambio_call_duration_seconds_count{method="M",protocol="connect"}')).toBe(3);
    expect(found.get('cambio_call_duration_seconds_sum{method="M",protocol="connect"}')).toBeCloseTo(0.0332, 6);
    expect(found.get('cambio_call_duration_seconds_bucket{le="0.0005",method="M",protocol="connect"}')).toBe(1);
    expect(found.get('cambio_call_duration_seconds_bucket{le="0.005",method="M",protocol="connect"}')).toBe(2);
  });

  it("count cache lookups by tier, misses and alarms", async () => {
    metrics.cacheHit("verification", "memory");
    metrics.cacheHit("verification", "memory");
    metrics.cacheHit("verification", "redis");
    metrics.cacheMiss("exchange");
    metrics.cacheAlarm();
    const found = await samples();
    const lookups = ["verification,memory", "verification,redis", "exchange,none"].map((labels) => {
      const [of, tier] = labels.split(",");
      return found.get(`cambio_cache_lookups_total{of="${of}",tier="${tier}"}`);
    });
    expect([...lookups, found.get("cambio_cache_alarms_total")]).toEqual([2, 1, 1, 1]);
  });

  it("count and time calls to providers", async () => {
    metrics.upstream({ provider: "main", endpoint: "token", outcome: "2xx" }, 40);
    metrics.upstream({ provider: "main", endpoint: "token", outcome: "timeout" }, 10_000);
    const found = await samples();
    expect(found.get('cambio_upstream_calls_total{provider="main",endpoint="token",outcome="2xx"}')).toBe(1);
    expect(found.get('cambio_upstream_calls_total{provider="main",endpoint="token",outcome="timeout"}')).toBe(1);
    expect(found.get('cambio_upstream_duration_seconds_sum{provider="main",endpoint="token"}')).toBeCloseTo(10.04, 6);
  });

  it("count the spans that went out, and those that did not", async () => {
    metrics.spans({ exported: 3, dropped: 0 });
    metrics.spans({ exported: 0, dropped: 2 });
    const found = await samples();
    const counts = ["exported", "dropped"].map((outcome) => found.get(`cambio_trace_spans_total{outcome="${outcome}"}`));
    expect(counts).toEqual([3, 2]);
  });

  it("tell event-loop delay and memory of this process", async () => {
    const found = await samples();
    for (const quantile of ["0.5", "0.99"]) {
      expect(found.get(`cambio_event_loop_delay_seconds{quantile="${quantile}"}`)).toBeGreaterThanOrEqual(0);
      expect(found.get(`cambio_event_loop_delay_seconds{quantile="${quantile}"}`)).toBeLessThan(60);
    }
    expect(found.get("cambio_resident_memory_bytes")).toBeGreaterThan(1_000_000);
  });

  it("of two services in one process do not mix", async () => {
    const second = createMetrics();
    second.cacheMiss("verification");
    second.close();
    expect((await samples()).get('cambio_cache_lookups_total{of="verification",tier="none"}')).toBeUndefined();
  });
});
