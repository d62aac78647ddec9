// How the engine is set for this program, before anything large is loaded: what it was measured to need is in docs/decisions/0027.
// Plain JavaScript, as cambio.mjs is, and nothing in it that an older Node lacks a name for.

import * as module from "node:module";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";

/** V8 reads both whenever it thinks about growing; where a later one has dropped them, it says so and goes on. */
const flags = [
  // Nearly all that a call makes is gone at its end, and fits: a larger nursery is memory that stays resident and saves nothing.
  "--semi-space-growth-factor=1",
  // The heap may grow by half over what is alive before it is cleaned; by default it grows several times over.
  "--heap-growing-percent=50",
];

/** Inside the program's own folder: whoever may write there could as well change the program. Where nobody may, there is no cache. */
const cacheFolder = join(import.meta.dirname ?? ".", "../../node_modules/.cache/cambio");

export function setUpEngine() {
  for (const flag of flags) setFlagsFromString(flag);
  // TypeScript is stripped and compiled once, not with every start.
  module.enableCompileCache?.(cacheFolder);
}
