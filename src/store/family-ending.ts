// The end of a family, with the access tokens that came out of it. They are revoked first: were the process to die in between, the
// family would still be there for the next one who shows the same handle.

import { ownProvider } from "../exchange/minting.ts";
import type { Clock, Revocation } from "../exchange/ports.ts";
import { storeUnavailable } from "../exchange/store-unavailable.ts";
import type { Database } from "./database.ts";
import { endFamily, type EndReason, type FamilyRow, readFamily } from "./family-rows.ts";
import { handedOut } from "./family-tokens.ts";

/** For whoever asks again after an answer that was lost. Then the row goes, and what it stands for with it. */
const endedKeptMs = 3_600_000;
/** Each further round means that the family was rotated in between, by a call to what it stands for. */
const maxRounds = 8;

export interface EndingDeps {
  readonly database: Database;
  readonly clock: Clock;
  /** Durable when it resolves. @throws ExchangeError STORE_UNAVAILABLE */
  readonly revokeTokens: (tokens: readonly Revocation[]) => Promise<void>;
}

export interface FamilyEnding {
  /**
   * Ends it, whatever generation it has come to by now. One that has ended already only has its tokens revoked, once more.
   * @returns the row as it was at its end; undefined: it is gone
   * @throws ExchangeError STORE_UNAVAILABLE
   */
  end(row: FamilyRow, reason: "revoked" | "reused" | "rejected"): Promise<FamilyRow | undefined>;
  /** It is of no use any more, and nobody's fault: tokens that were handed out stay good. @throws ExchangeError STORE_UNAVAILABLE */
  lapse(row: FamilyRow, reason: "lapsed" | "set_back"): Promise<void>;
}

export function createFamilyEnding({ database, clock, revokeTokens }: EndingDeps): FamilyEnding {
  async function markEnded(row: FamilyRow, reason: EndReason): Promise<boolean> {
    const nowMs = clock();
    const expiresAtMs = Math.min(row.expires_at, nowMs + endedKeptMs);
    return endFamily(database, row, { reason, nowMs, expiresAtMs });
  }

  return {
    async end(row, reason) {
      let current: FamilyRow | undefined = row;
      for (let round = 0; round < maxRounds; round += 1) {
        if (current === undefined) return undefined;
        await revokeTokens(revocationsOf(current));
        if (current.ended_at !== null || (await markEnded(current, reason))) return current;
        current = await readFamily(database, row.id);
      }
      throw storeUnavailable({ code: "BUSY", outcome: "refused" });
    },
    async lapse(row, reason) {
      await markEnded(row, reason);
    },
  };
}

function revocationsOf({ provider, tokens }: FamilyRow): readonly Revocation[] {
  return handedOut(tokens).map(({ id, expiresAt, own }) => ({ kind: "token", provider: own ? ownProvider : provider, id, expiresAt }));
}
