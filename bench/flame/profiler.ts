// Loaded into the service by `--import`, before the service itself, which knows nothing of it: the first SIGUSR2 starts a CPU profile of
// the main thread, the second ends it and writes it to PROFILE.

import { renameSync, writeFileSync } from "node:fs";
import { Session } from "node:inspector";

/** Finer than by default, so that a few seconds tell enough. */
const samplingMicros = 250;

const path = process.env["PROFILE"] ?? "";
const session = new Session();
session.connect();
session.post("Profiler.enable");
session.post("Profiler.setSamplingInterval", { interval: samplingMicros });

process.once("SIGUSR2", () => {
  process.once("SIGUSR2", () => {
    session.post("Profiler.stop", (failure, { profile }) => {
      if (failure !== null) throw failure;
      writeFileSync(`${path}.part`, JSON.stringify(profile));
      // Whoever waits for it finds all of it.
      renameSync(`${path}.part`, path);
    });
  });
  session.post("Profiler.start");
});
