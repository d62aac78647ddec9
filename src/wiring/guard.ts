// Part of the composition root: the guard over one provider's endpoints, or one workload issuer's, and what log and metrics hear of it.

import { createProviderGuard, type ProviderGuard } from "../net/provider-guard.ts";
import type { Observers } from "./parts.ts";

export interface WiredGuard {
  readonly guard: ProviderGuard;
  /** Its circuits are no longer shown. */
  readonly close: () => void;
}

/** @param name stands in the label `provider`, and in the log */
export function wireGuard(name: string, { clock, log, metrics }: Pick<Observers, "clock" | "log" | "metrics">): WiredGuard {
  const guard = createProviderGuard({
    clock,
    random: Math.random,
    onEvent(event) {
      const { endpoint } = event;
      switch (event.kind) {
        case "opened": {
          const { failures, calls } = event;
          return log.warn(
            { provider: name, upstream_endpoint: endpoint, failures, calls },
            "the provider's endpoint fails: calls to it are refused",
          );
        }
        case "closed":
          return log.info({ provider: name, upstream_endpoint: endpoint }, "the provider's endpoint answers again");
        case "retried":
          return metrics.upstreamRetry({ provider: name, endpoint });
        case "refused":
          return metrics.upstreamRefusal({ provider: name, endpoint, by: event.by });
      }
    },
  });
  return { guard, close: metrics.watchCircuits(name, () => guard.circuits()) };
}
