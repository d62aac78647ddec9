// Taking the right to send: an intent that was asked for is either this call's, or sure not to be there for long. Whoever finds one that
// nobody sends under would wait for its outcome in vain.

import { circumstanceOf } from "../exchange/errors.ts";
import type { Database } from "../store/database.ts";
import { insertIntent, type RefreshIntent, withdrawIntent } from "../store/refresh-intents.ts";
import type { Background } from "./background.ts";

/** @returns false: another call has it. @throws ExchangeError STORE_UNAVAILABLE: nothing may be sent */
export async function takeIntent(database: Database, background: Background, intent: RefreshIntent): Promise<boolean> {
  try {
    return await insertIntent(database, intent);
  } catch (failure) {
    // What was refused is not there, and leaves nothing to be done: as long as a database takes no writes, every call ends here.
    if (mayBeThere(failure)) background.add(() => withdrawIntent(database, intent));
    throw failure;
  }
}

function mayBeThere(failure: unknown): boolean {
  const met = circumstanceOf(failure);
  return met?.kind !== "store" || met.outcome !== "refused";
}
