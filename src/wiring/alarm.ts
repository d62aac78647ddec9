// Part of the composition root: what becomes of an alarm. Whoever can write where values are stored can raise any number of them, so
// log and trail hear of each kind in each store once a second, with how many there were; the metrics count every one.

import { setTimeout as sleep } from "node:timers/promises";
import type { OnAlarm, TamperAlarm } from "../sealing/tamper-alarm.ts";
import type { Observers } from "./parts.ts";

const everyMs = 1_000;

const wait = (ms: number): Promise<void> => sleep(ms, undefined, { ref: false });

/** A stored value that nobody here wrote is somebody's attempt, or somebody's mistake with keys: both want to be seen. */
export function createOnAlarm({ log, metrics, audit }: Pick<Observers, "log" | "metrics" | "audit">, waiting = wait): OnAlarm {
  /** By kind and store, both of closed sets: how many there were since the last one that was told. */
  const untold = new Map<string, number>();

  function tell({ kind, store }: TamperAlarm, count: number): void {
    log.warn({ kind, store, count, security: true }, "a stored value was not written by this service");
    audit.record({ kind: "security", event: `${kind}_value_in_${store}` });
  }

  async function tellAgain(alarm: TamperAlarm, name: string): Promise<void> {
    for (;;) {
      await waiting(everyMs);
      const count = untold.get(name) ?? 0;
      if (count === 0) break;
      untold.set(name, 0);
      tell(alarm, count);
    }
    untold.delete(name);
  }

  return (alarm) => {
    metrics.cacheAlarm();
    const name = `${alarm.kind} ${alarm.store}`;
    const count = untold.get(name);
    if (count !== undefined) {
      untold.set(name, count + 1);
      return;
    }
    untold.set(name, 0);
    tell(alarm, 1);
    void tellAgain(alarm, name);
  };
}
