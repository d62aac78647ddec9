// The right to refresh one generation upstream, held by one process at a time. What is owned here is taking that right and giving
// it back; a claim that cannot be given back is in doubt after its time.

import { randomBytes } from "node:crypto";
import { ExchangeError } from "../exchange/errors.ts";
import type { Clock } from "../exchange/ports.ts";
import { createUncertainClaims } from "../exchange/uncertain-claims.ts";
import { workLimitMs } from "./bounded-work.ts";
import type { Database } from "./database.ts";
import { claimFamily, type FamilyRow, releaseFamily } from "./family-rows.ts";

const claimBytes = 16;
/** When a write that must not be lost is tried again: a database that fails over, or is started anew, is back within seconds. */
const retryDelaysMs = [50, 200, 800, 1_600, 3_200, 6_400];
/** A change, and a look at what became of an earlier try of it. */
const tryLimitMs = 2 * workLimitMs;
/** The longest that all tries of one write take. */
export const writeLimitMs = retryDelaysMs.reduce((sum, delay) => sum + delay + tryLimitMs, tryLimitMs);

export interface FamilyClaims {
  /** The claim; undefined: somebody else's holds it, or the row has moved. @throws ExchangeError STORE_UNAVAILABLE */
  take(row: FamilyRow): Promise<string | undefined>;
  /** Never throws: where the database does not answer it goes on in the background. */
  giveBack(row: FamilyRow, claim: string): Promise<void>;
  /** Tries a write until the database has carried it out, within a bound. @throws ExchangeError STORE_UNAVAILABLE */
  written<T>(write: () => Promise<T>): Promise<T>;
}

export interface ClaimDeps {
  readonly database: Database;
  readonly clock: Clock;
  readonly wait: (ms: number) => Promise<void>;
  readonly random?: ((size: number) => Uint8Array) | undefined;
}

export function createFamilyClaims({ database, clock, wait, random = randomBytes }: ClaimDeps): FamilyClaims {
  const uncertain = createUncertainClaims(wait);

  async function written<T>(write: () => Promise<T>): Promise<T> {
    for (const delay of retryDelaysMs) {
      try {
        return await write();
      } catch (failure) {
        if (!isAway(failure)) throw failure;
        await wait(delay);
      }
    }
    return write();
  }

  return {
    written,
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

function isAway(failure: unknown): boolean {
  return failure instanceof ExchangeError && failure.reason === "STORE_UNAVAILABLE";
}

function wasRefused(failure: unknown): boolean {
  const cause = failure instanceof ExchangeError ? failure.cause : undefined;
  return typeof cause === "object" && cause !== null && "outcome" in cause && cause.outcome === "refused";
}
