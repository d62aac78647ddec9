// How the engine is set for this program: while it is loaded, and once it runs. What it was measured to need is in
// docs/decisions/0027. V8 reads these flags whenever it thinks about growing; where a later one has dropped them, it says so and goes on.
// What it reads at its own start only is said on the command line (deploy/Dockerfile).

import * as module from "node:module";
import { extname, join } from "node:path";
import { setFlagsFromString } from "node:v8";

/**
 * Inside the program's own folder: whoever may write there could as well change the program. Where nobody may, there is no cache. What
 * was built is in its folder's root, TypeScript in src/: beside what was built, in /tmp say, anybody could put code in our place.
 */
const programFolder = join(import.meta.dirname, extname(import.meta.filename) === ".ts" ? ".." : ".");
const cacheFolder = join(programFolder, ".cache/compiled");

/** Before anything large is loaded. */
export function setUpEngine(): void {
  // Loading makes a nursery grow that then stays resident, and that nobody needs while there are no calls.
  setFlagsFromString("--semi-space-growth-factor=1");
  // The heap may grow by a quarter over what is alive before it is cleaned; by default it grows several times over.
  setFlagsFromString("--heap-growing-percent=25");
  // Pages that the heap no longer needs go back to the system after a second, and not after eight.
  setFlagsFromString("--memory-pool-timeout=1");
  // Everything is compiled once, and TypeScript stripped, not with every start.
  module.enableCompileCache(cacheFolder);
}

/** Once calls come: a nursery that holds what is under way lets it die there, where cleaning costs least. V8's own default. */
export function letNurseryGrow(): void {
  setFlagsFromString("--semi-space-growth-factor=2");
}
