// From a provider's answer to the database: spool first, always, then the compare-and-set. While the database is away it is the spool that
// has the answer; whoever asks meanwhile is told to come back.

import { ExchangeError } from "../exchange/errors.ts";
import { advanceConnection, type NextTokens, readConnection } from "../store/connection-rows.ts";
import type { Database } from "../store/database.ts";
import type { Writer } from "../store/stubborn-write.ts";
import type { Background } from "./background.ts";
import type { OnRefreshStep } from "./refresh-steps.ts";
import type { Spool, SpoolPlace } from "./spool.ts";
import { encodeSpooled } from "./spooled-answer.ts";

/**
 * @returns false: another answer for that generation was first, or the connection has ended
 * @throws ExchangeError STORE_UNAVAILABLE: it is kept, and will be in the database when that is back
 */
export type KeepAnswer = (place: SpoolPlace, next: NextTokens) => Promise<boolean>;

export interface KeepAnswerDeps {
  readonly database: Database;
  readonly spool: Spool;
  readonly write: Writer;
  readonly background: Background;
  /** The answer is in memory alone until it is in the database. */
  readonly onUnspooled: () => void;
  readonly onStep: OnRefreshStep;
}

export function createKeepAnswer(deps: KeepAnswerDeps): KeepAnswer {
  const { database, spool, write, background, onUnspooled, onStep } = deps;

  /** True also where an earlier try of the very same has done it: two answers are never sealed to the same bytes. */
  async function advance({ connection: id, generation }: SpoolPlace, next: NextTokens): Promise<boolean> {
    if (await advanceConnection(database, { id, generation }, next)) return true;
    const row = await readConnection(database, id);
    return row?.generation === next.generation && row.ended_at === null && sameBytes(row.sealed_tokens, next.sealed_tokens);
  }

  return async (place, next) => {
    await spool.keep(place, encodeSpooled(next)).catch(onUnspooled);
    onStep("spooled", place);
    try {
      const advanced = await write(() => advance(place, next));
      onStep("committed", place);
      await spool.forget(place);
      return advanced;
    } catch (failure) {
      background.add(async () => {
        await advance(place, next);
        await spool.forget(place);
      });
      throw failure instanceof ExchangeError ? failure : new ExchangeError("STORE_UNAVAILABLE", { cause: failure });
    }
  };
}

function sameBytes(one: Uint8Array | null, other: Uint8Array | null): boolean {
  return one !== null && other !== null && Buffer.compare(one, other) === 0;
}
