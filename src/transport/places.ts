// What a call takes and gives back at its end: its place among those at one time, and where nobody stood up for it, a part of what
// its address may do. How much that is, and who is refused for it, is decided in limits/.

import type { Hooks } from "./visit.ts";

/** @param countUnproven counts one call against the address it came from */
export function createPlaces(countUnproven: (address: string) => void): Hooks {
  return {
    onEnd(call) {
      call.ended = true;
      call.leave();
      // Those that were refused for being too many do not count, or an address that tries again would stay closed for ever.
      const refused = call.failure?.reason === "RATE_LIMITED" || call.failure?.reason === "OVERLOADED";
      if (call.audited !== undefined && call.caller === "" && !refused) countUnproven(call.address);
    },
  };
}
