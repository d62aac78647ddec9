// Ids of assertions that were used, in Redis: each works once, on whichever replica, until it expires by itself. Where there is a
// database, that is the authority and this is not used.

import { randomBytes } from "node:crypto";
import type { UsedAssertions } from "../exchange/one-time-ports.ts";
import type { Clock } from "../exchange/ports.ts";
import type { OneTimeNames } from "../sealing/one-time-names.ts";
import { claimScript } from "./one-time-scripts.ts";
import type { RedisConnection } from "./redis-connection.ts";
import { rethrowUnavailable } from "./unavailable.ts";

const nonceBytes = 16;

export interface UsedAssertionsRedisParts {
  readonly redis: RedisConnection;
  readonly names: OneTimeNames;
  readonly clock: Clock;
}

export function createUsedAssertionsRedis({ redis, names, clock }: UsedAssertionsRedisParts): UsedAssertions {
  return {
    async claim(clientId, id, expiresAtMs) {
      const lifeMs = Math.ceil(expiresAtMs - clock());
      // A mark that is over at once would hold nobody back.
      if (!(lifeMs > 0)) return false;
      const keys = names.ofAssertion(clientId, id);
      const nonce = randomBytes(nonceBytes).toString("base64url");
      // A claim whose outcome is unknown is left as it is: the caller signs another assertion.
      const claimed = redis.run((client) => client.eval(claimScript, keys.length, ...keys, nonce, lifeMs));
      return (await claimed.catch(rethrowUnavailable)) === 1;
    },
  };
}
