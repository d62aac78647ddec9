// One replica, as `cambio serve` runs it, that dies or falls asleep where it is told to. How far each refresh has come is in its journal
// before anything else happens: a process that is killed leaves what it has written.
//
//   node vault-replica.ts CONFIGURATION JOURNAL AHEAD    by how many milliseconds its clock is ahead

import { openSync, writeSync } from "node:fs";
import { runProcess } from "../../src/main.ts";
import { startService } from "../../src/service.ts";
import type { OnRefreshStep } from "../../src/vault/refresh-steps.ts";
import { inFlightMs, journalLine, type Order } from "./deaths.ts";

const [configurationPath = "", journalPath = "", aheadMs] = process.argv.slice(2);
const journal = openSync(journalPath, "a");
let order: Order | undefined;
process.on("message", (given: Order) => {
  order = given;
  process.send?.("ordered");
});

const onRefreshStep: OnRefreshStep = (step, { connection, generation }) => {
  writeSync(journal, journalLine({ what: step, connection, generation }));
  const given = order;
  const isMeant = given !== undefined && [undefined, connection].includes(given.connection);
  if (!isMeant || step !== (given.at === "in_flight" ? "sending" : given.at)) return;
  order = undefined;
  const obey = () => {
    writeSync(journal, journalLine({ what: `${given.kind} ${given.at}`, connection, generation }));
    process.kill(process.pid, given.kind === "die" ? "SIGKILL" : "SIGSTOP");
  };
  if (given.at === "in_flight") setTimeout(obey, inFlightMs);
  else obey();
};

process.exitCode = await runProcess(configurationPath, {
  async start(configuration) {
    const service = await startService(configuration, { onRefreshStep, clock: () => Date.now() + Number(aheadMs) });
    process.send?.(service.url);
    return service;
  },
});
process.disconnect?.();
