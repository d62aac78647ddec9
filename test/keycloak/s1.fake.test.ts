// S1 through Cambio and the stand-in; and what only that can play.

import { startFakeWorld } from "./fake-world.ts";
import { brokenCases } from "./s1-broken-cases.ts";
import { runS1Cases } from "./s1-cases.ts";

runS1Cases(startFakeWorld, brokenCases);
