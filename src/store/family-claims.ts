// The right to refresh one generation upstream, held by one process at a time. What is owned here is taking that right and giving
// it back; a claim that cannot be given back is in doubt after its time.

import { circumstanceOf } from "../exchange/errors.ts";
import type { Clock } from "../exchange/ports.ts";
import { createUncertainClaims } from "../exchange/uncertain-claims.ts";
import type { Database } from "./database.ts";
import { claimFamily, type FamilyRow, releaseFamily } from "./family-rows.ts";

const claimBytes = 16;

export interface FamilyClaims {
  /** The claim; undefined: somebody else's holds it, or the row has moved. @throws ExchangeError STORE_UNAVAILABLE */
  take(row: FamilyRow): Promise<string | undefined>;
  /** Never throws: where the database does not answer it goes on in the background. */
  giveBack(row: FamilyRow, claim: string): Promise<void>;
}

export interface ClaimDeps {
  readonly database: Database;
  readonly clock: Clock;
  readonly wait: (ms: number) => Promise<void>;
  readonly random: (size: number) => Uint8Array;
}

export function createFamilyClaims({ database, clock, wait, random }: ClaimDeps): FamilyClaims {
  const uncertain = createUncertainClaims(wait);

  return {
    async giveBack({ id }, claim) {
      const release = () => releaseFamily(database, id, claim);
      await release().catch(() => uncertain.undo(release));
    },
    async take(row) {
      const claim = Buffer.from(random(claimBytes)).toString("base64url");
      try {
        return (await claimFamily(database, row, { claim, nowMs: clock() })) ? claim : undefined;
      } catch (failure) {
        // It may be there all the same. Nobody will send under it, so it must not pass for one who died while sending.
        if (!wasRefused(failure)) uncertain.undo(() => releaseFamily(database, row.id, claim));
        throw failure;
      }
    },
  };
}

function wasRefused(failure: unknown): boolean {
  const met = circumstanceOf(failure);
  return met?.kind === "store" && met.outcome === "refused";
}
