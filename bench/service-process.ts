// Cambio as a process of its own, as `cambio serve` runs it; with "simulated" as the second argument its clock stands where the
// parent last put it. It tells how much CPU time it has used when it is asked, and ends when the parent goes away.

import { readConfiguration } from "../src/config/read-configuration.ts";
import { startService } from "../src/service.ts";

const [configPath = "", clockKind] = process.argv.slice(2);
let nowMs = Date.now();
process.on("message", (message) => {
  if (typeof message === "number") nowMs = message;
  else process.send?.({ cpuMs: cpuMs() });
});
const service = await startService(readConfiguration(configPath), clockKind === "simulated" ? { clock: () => nowMs } : {});
process.once("disconnect", () => void service.close().then(() => process.exit()));
process.send?.({ url: service.url });

function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}
