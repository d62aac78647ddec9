// What is counted of connections: what the background does with them, and how they end.

import { Counter, Gauge, type Registry } from "prom-client";
import type { Reason } from "../exchange/errors.ts";

export interface VaultMetrics {
  /** One refresh in the background. */
  readonly backgroundRefresh: (labels: { readonly provider: string; readonly outcome: Reason | "OK" }) => void;
  /** How late the oldest connection is that is due for one; `seconds` is zero where none is. */
  readonly backgroundLag: (labels: { readonly provider: string }, seconds: number) => void;
  readonly connectionEnded: (labels: { readonly provider: string; readonly reason: string }) => void;
  /** One attempt to tell of a connection that needs its user. */
  readonly webhook: (labels: { readonly outcome: string }) => void;
}

export function createVaultMetrics(registers: Registry[]): VaultMetrics {
  const refreshes = new Counter({
    name: "cambio_background_refreshes_total",
    help: "Refreshes of connections in the background, by outcome.",
    labelNames: ["provider", "outcome"],
    registers,
  });
  const lag = new Gauge({
    name: "cambio_background_refresh_lag_seconds",
    help: "How late the oldest connection is that is due for a refresh in the background.",
    labelNames: ["provider"],
    registers,
  });
  const ends = new Counter({
    name: "cambio_connections_ended_total",
    help: "Connections that have ended, by reason.",
    labelNames: ["provider", "reason"],
    registers,
  });
  const webhooks = new Counter({
    name: "cambio_webhook_attempts_total",
    help: "Attempts to tell of connections that need their user: told, failed, or given_up after a day.",
    labelNames: ["outcome"],
    registers,
  });
  return {
    backgroundRefresh: (labels) => refreshes.inc(labels),
    backgroundLag: (labels, seconds) => lag.set(labels, seconds),
    connectionEnded: (labels) => ends.inc(labels),
    webhook: (labels) => webhooks.inc(labels),
  };
}
