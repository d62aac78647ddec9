import { join } from "node:path";
import { expect, it } from "vitest";
import { startChild } from "../support/child.ts";
import { startOtlpCollector } from "../support/otlp-collector.ts";

async function loadedWith(collector: string): Promise<unknown> {
  const child = startChild([join(import.meta.dirname, "loaded-modules.ts"), collector]);
  const status = await child.ended;
  if (status !== 0) throw new Error(child.errors());
  return JSON.parse(child.output());
}

it("without traces nothing of OpenTelemetry's SDK is loaded; with them it is, and the call is traced", async () => {
  // prom-client loads the API.
  expect(await loadedWith("")).toEqual(["@opentelemetry/api"]);
  const collector = await startOtlpCollector();
  expect(await loadedWith(collector.url)).toEqual(
    expect.arrayContaining(["@opentelemetry/context-async-hooks", "@opentelemetry/sdk-trace"]),
  );
  expect(collector.spans.map(({ name }) => name)).toEqual(["cambio.v1.TokenExchangeService/Refresh"]);
  await collector.close();
  expect(collector.violations).toEqual([]);
}, 60_000);
