// Cambio under load while the stand-in goes away and comes back.

import { startFakeOutageWorld } from "./outage-world.ts";
import { runOutage } from "./s1-outage.ts";

runOutage(startFakeOutageWorld, { upstreamMs: 400, deadlineMs: 1_000 });
