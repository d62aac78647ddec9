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
  for (const one of left) {
    const next = one.kind === "answer" ? decodeSpooled(one.answer) : undefined;
    if (next === undefined) continue;
    // Where it has moved on, or has ended, the answer is of no use any more.
    if (await advanceConnection(database, { id: one.place.connection, generation: one.place.generation }, next)) answers += 1;
    await spool.forget(one.place);
  }
  const counts = { lost: 0, unsent: 0 };
  const unsettled = await readUnsettled(database, spool.name);
  for (const intent of unsettled) {
    const mark = left.find((one) => one.kind !== "unsent" && isOf(one, intent));
    // A start with a key missing must not lose what the next one can read. Until then the intent is in doubt.
    if (mark?.kind === "unreadable") continue;
    const settled = await (mark === undefined ? withdrawIntent : loseIntent)(database, intent);
    if (settled) counts[mark === undefined ? "unsent" : "lost"] += 1;
  }
  const stillOpen = (one: SpoolLeft) => one.kind === "unreadable" && unsettled.some((intent) => isOf(one, intent));
  for (const one of left) if (!stillOpen(one)) await spool.forget(one.place);
  return { answers, ...counts };
}

function isOf({ place }: SpoolLeft, intent: RefreshIntent): boolean {
  return place.connection === intent.connection_id && place.generation === intent.generation && place.attempt === intent.attempt;
}
