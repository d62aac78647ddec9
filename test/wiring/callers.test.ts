import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, it } from "vitest";
import { configurationSchema } from "../../src/config/schema.ts";
import { createLog } from "../../src/telemetry/log.ts";
import { createMetrics } from "../../src/telemetry/metrics.ts";
import { createWorkloadPool } from "../../src/wiring/callers.ts";
import { frozenClock } from "../cache/fixtures.ts";
import { recordingAudit } from "../exchange/fixtures.ts";
import { createSigningKey } from "../keys/signing.ts";
import { readMetric } from "../support/metrics-text.ts";

it("requests to a workload issuer are not counted as those of a provider with the same name", async () => {
  const server = createServer((_, response) => {
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify({ keys: [createSigningKey("ES256", "k").jwk] }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const metrics = createMetrics();
  const log = createLog({ level: "error", destination: { write: () => undefined } });
  const pool = createWorkloadPool({ clock: frozenClock(), log, metrics, audit: recordingAudit() });
  const { workload_issuers: settings } = configurationSchema.parse({
    workload_issuers: { main: { issuer: "https://cluster.example", jwks_url: `http://127.0.0.1:${port}/jwks`, allow_http: true } },
    providers: {},
    clients: {},
  });
  const taken = pool.take(Object.entries(settings));
  await taken.get("main")?.keySet.find({ kid: "k", alg: "ES256" }, AbortSignal.timeout(5_000));

  const { text } = await metrics.expose();
  const counted = (provider: string) => readMetric(text, "cambio_upstream_calls_total", { provider });
  expect([counted("workload_issuer:main"), counted("main")]).toEqual([1, 0]);
  await pool.release(taken);
  metrics.close();
  await new Promise((resolve) => server.close(resolve));
});
