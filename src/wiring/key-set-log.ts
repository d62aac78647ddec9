// Part of the composition root: what the log hears of a provider's keys.

import type { KeySetEvent } from "../keys/key-set.ts";
import type { Log } from "../telemetry/log.ts";

export function keySetLog(provider: string, log: Log): (event: KeySetEvent) => void {
  return (event) =>
    event.kind === "failed"
      ? log.warn({ provider, reason: event.reason }, "the provider's keys could not be fetched")
      : log.info({ provider, keys: event.keys, dropped: event.dropped }, "the provider's keys were fetched");
}
