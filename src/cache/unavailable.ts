// Redis' failures as the core knows them: whatever a command threw, Redis could not tell.

import { storeUnavailable } from "../exchange/store-unavailable.ts";
import { classifyRedisError } from "./redis-failure.ts";

/** @throws ExchangeError STORE_UNAVAILABLE */
export function rethrowUnavailable(error: unknown): never {
  throw storeUnavailable(classifyRedisError(error));
}
