// What the stand-in answers: the same.

import { startFakeWorld } from "./fake-world.ts";
import { runProviderCases } from "./provider-cases.ts";

runProviderCases(startFakeWorld);
