// Cambio in front of the fake provider, with traces sent to a collector. Everything that was exported is searched for secrets, and the
// collector's objections are failures, when the stack is closed.

import type { Configuration } from "../../src/config/schema.ts";
import { Secret } from "../../src/exchange/secret.ts";
import { type FakeStack, type FakeStackOptions, startFakeStack } from "./fake-stack.ts";
import { type CollectedSpan, type OtlpCollector, startOtlpCollector } from "./otlp-collector.ts";
import { eventually } from "./eventually.ts";

export interface TracedStack extends FakeStack {
  readonly collector: OtlpCollector;
  /** The SERVER span of the call with this request id, once it was exported. */
  serverSpan(requestId: string): Promise<CollectedSpan>;
}

export const collectorKey = "collector-key-canary-0123456789";

export async function startTracedStack(
  options: FakeStackOptions = {},
  traces: Partial<NonNullable<Configuration["traces"]>> = {},
): Promise<TracedStack> {
  const collector = await startOtlpCollector();
  const settings = { otlp_url: collector.url, headers: [["x-key", new Secret(collectorKey)] as [string, Secret]], allow_http: false };
  const complete = { ...settings, sample_ratio: 1, service_name: "cambio", ...traces };
  const stack = await startFakeStack({
    ...options,
    change: (configuration) => ({ ...(options.change?.(configuration) ?? configuration), traces: complete }),
  });
  return {
    ...stack,
    collector,
    async serverSpan(requestId) {
      const found = () => collector.spans.find((span) => span.kind === "server" && span.attributes["cambio.request_id"] === requestId);
      await eventually(`the span of ${requestId}`, () => found() !== undefined);
      return found() as CollectedSpan;
    },
    async close() {
      for (const { body } of collector.requests) stack.canary.saw("the exported spans", body);
      stack.canary.register("collector's key", collectorKey);
      try {
        await stack.close();
      } finally {
        await collector.close();
      }
      if (collector.violations.length > 0) throw new Error(`the collector objects: ${collector.violations.join("; ")}`);
    },
  };
}
