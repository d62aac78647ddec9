import { expect, it } from "vitest";
import { createMetrics } from "../../src/telemetry/metrics.ts";
import { expositionType, mergeExpositions } from "../../src/workers/expositions.ts";
import { readMetric } from "../support/metrics-text.ts";

it("names the worker in each series, and each family once", async () => {
  const [one, other] = [createMetrics(), createMetrics()];
  const labels = { method: "Exchange", protocol: "grpc", reason: "OK" } as const;
  for (let count = 1; count <= 3; count += 1) one.call(labels, 2);
  other.call(labels, 2);
  const texts = await Promise.all([one, other].map(async (metrics) => (await metrics.expose()).text));
  const merged = mergeExpositions(texts.map((text, at) => ({ worker: at + 1, text })));
  expect(readMetric(merged, "cambio_calls_total", { worker: "1", reason: "OK" })).toBe(3);
  expect(readMetric(merged, "cambio_calls_total", { worker: "2", reason: "OK" })).toBe(1);
  expect(readMetric(merged, "cambio_call_duration_seconds_count", { worker: "1" })).toBe(3);
  expect(readMetric(merged, "cambio_resident_memory_bytes", { worker: "2" })).toBeGreaterThan(0);
  const types = merged.split("\n").filter((line) => line.startsWith("# TYPE"));
  expect(new Set(types).size).toBe(types.length);
  const samples = merged.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  expect(samples.filter((line) => !/^[a-z_]+\{worker="[12]"(,[a-z]+="[^"]*")*\} \S+$/.test(line))).toEqual([]);
  // A family's samples stand together, behind its own head.
  const families = merged.split("# HELP ").slice(1);
  const strays = families.flatMap((text) => {
    const [head = "", ...lines] = text.split("\n");
    const name = head.split(" ")[0] ?? "";
    return lines.filter((line) => line !== "" && !line.startsWith("#") && !line.startsWith(name));
  });
  expect(strays).toEqual([]);
  expect((await one.expose()).contentType).toBe(expositionType);
  one.close();
  other.close();
});

it("says of a worker that did not answer that it did not", () => {
  const merged = mergeExpositions([
    { worker: 1, text: "# HELP a b\n# TYPE a counter\na 1\n" },
    { worker: 2, text: undefined },
  ]);
  expect(merged).toContain('a{worker="1"} 1\n');
  expect(readMetric(merged, "cambio_worker_up", { worker: "1" })).toBe(1);
  expect(readMetric(merged, "cambio_worker_up", { worker: "2" })).toBe(0);
});

it("a label whose value has braces and spaces stays what it is", () => {
  const merged = mergeExpositions([{ worker: 3, text: '# HELP a b\n# TYPE a gauge\na{name="{x} \\" y"} 7\n' }]);
  expect(merged).toContain('a{worker="3",name="{x} \\" y"} 7\n');
});
