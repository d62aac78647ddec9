// Part of the composition root: what the metrics hear of a request that this service makes, whoever it goes to.

import type { HttpCallReport } from "../net/http-client.ts";
import type { Metrics } from "../telemetry/metrics.ts";

/** @param name stands in the label `provider` */
export function reportTo(metrics: Pick<Metrics, "upstream">, name: string): (report: HttpCallReport) => void {
  return ({ endpoint, status, outcome, ms }) =>
    metrics.upstream({ provider: name, endpoint, outcome: outcome === "answered" ? `${Math.floor(status / 100)}xx` : outcome }, ms);
}
