// The database's failures as the core knows them. What is not the database's is a mistake of ours and stays what it is.

import { storeUnavailable } from "../exchange/store-unavailable.ts";
import { DatabaseFailure } from "./database.ts";

/** @throws ExchangeError STORE_UNAVAILABLE for a DatabaseFailure; else `error` itself */
export function rethrowUnavailable(error: unknown): never {
  throw error instanceof DatabaseFailure ? storeUnavailable(error) : error;
}
