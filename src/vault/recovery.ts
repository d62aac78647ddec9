// What a process that died has left, taken up by the next one that has its spool: answers go into the database, tokens of which nobody knows
// whether they were sent count as lost, and those that were certainly not sent are free again.

import { advanceConnection } from "../store/connection-rows.ts";
import type { Database } from "../store/database.ts";
import { loseIntent, readUnsettled, type RefreshIntent, withdrawIntent } from "../store/refresh-intents.ts";
import { noSpool, type Spool, type SpoolLeft } from "./spool.ts";
import { decodeSpooled } from "./spooled-answer.ts";

export interface Recovered {
  /** Answers that were not in the database. */
  readonly answers: number;
  readonly lost: number;
  readonly unsent: number;
}

/**
 * Only while nobody sends under this spool: what has no mark yet would count as not sent.
 * @throws ExchangeError STORE_UNAVAILABLE: what was done stays done, and running it again goes on from there
 */
export async function recover(database: Database, spool: Spool): Promise<Recovered> {
  // Without a spool nothing tells a process that died from one that is sending at this moment: time does.
  if (spool.name === noSpool.name) return { answers: 0, lost: 0, unsent: 0 };
  const left = await spool.left();
  let answers = 0;
  for (const { place, answer } of left) {
    const next = answer === undefined ? undefined : decodeSpooled(answer);
    if (next === undefined) continue;
    // Where it has moved on, or has ended, the answer is of no use any more.
    if (await advanceConnection(database, { id: place.connection, generation: place.generation }, next)) answers += 1;
    await spool.forget(place);
  }
  const counts = { lost: 0, unsent: 0 };
  for (const intent of await readUnsettled(database, spool.name)) {
    const mayBeSent = left.some((one) => isOf(one, intent));
    const settled = await (mayBeSent ? loseIntent : withdrawIntent)(database, intent);
    if (settled) counts[mayBeSent ? "lost" : "unsent"] += 1;
  }
  for (const { place } of left) await spool.forget(place);
  return { answers, ...counts };
}

function isOf({ place }: SpoolLeft, intent: RefreshIntent): boolean {
  return place.connection === intent.connection_id && place.generation === intent.generation && place.attempt === intent.attempt;
}
