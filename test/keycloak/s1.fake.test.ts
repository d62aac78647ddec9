// S1 through Cambio and the stand-in.

import { startFakeWorld } from "./fake-world.ts";
import { runS1Cases } from "./s1-cases.ts";

runS1Cases(startFakeWorld);
