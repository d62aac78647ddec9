// A new configuration while calls go on: read, told apart from the old one, put into force; or refused, and nothing has changed.

import { ConfigurationError } from "./config/mistakes.ts";
import type { Configuration } from "./config/schema.ts";
import { causeFields, type Log } from "./telemetry/log.ts";
import { warnOfPrices } from "./start-log.ts";
import { type Core, needsRestart } from "./wiring/core.ts";

/** @returns what takes up the configuration that `read` gives; it never throws */
export function createReload(core: Pick<Core, "current" | "reload">, log: Log): (read: () => Configuration) => void {
  return function reload(read) {
    try {
      const configuration = read();
      const waiting = needsRestart(core.current().configuration, configuration);
      core.reload(configuration);
      if (waiting.length > 0) log.warn({ waiting }, "configuration reloaded; some of it takes effect at the next start only");
      else log.info({}, "configuration reloaded");
      warnOfPrices(configuration, log);
    } catch (failure) {
      const mistakes = failure instanceof ConfigurationError ? { mistakes: failure.message.split("\n") } : causeFields(failure);
      log.error(mistakes, "configuration refused: the one before stays in force");
    }
  };
}
