// Ids of assertions that were used, in the database: each works once, on whichever replica, until it expires by itself.

import { randomBytes } from "node:crypto";
import type { UsedAssertions } from "../exchange/one-time-ports.ts";
import type { Clock } from "../exchange/ports.ts";
import type { OneTimeNames } from "../sealing/one-time-names.ts";
import type { Database } from "./database.ts";
import { createMarks } from "./marks.ts";
import { rethrowUnavailable } from "./unavailable.ts";

const nonceBytes = 16;

export interface UsedAssertionsParts {
  readonly database: Database;
  readonly names: Pick<OneTimeNames, "ofAssertion">;
  readonly clock: Clock;
}

export function createUsedAssertions({ database, names, clock }: UsedAssertionsParts): UsedAssertions {
  const marks = createMarks(database, clock);
  return {
    async claim(clientId, id, expiresAtMs) {
      // A mark that is over at once would hold nobody back.
      if (!(expiresAtMs > clock())) return false;
      const mark = { names: names.ofAssertion(clientId, id), nonce: randomBytes(nonceBytes).toString("base64url") };
      // A claim whose outcome is unknown is left as it is: the caller signs another assertion.
      return marks.set(mark, Math.ceil(expiresAtMs)).catch(rethrowUnavailable);
    },
  };
}
