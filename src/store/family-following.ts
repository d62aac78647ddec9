// Handles that stand for a connection: one generation of the family becomes the next once the connection has tokens beyond those that
// were handed out last. The connection sees to it that a provider is asked at most once; here only the compare-and-set on the row
// decides whose tokens are the family's, and whoever was second is told those.

import { circumstanceOf, ExchangeError, hasReason } from "../exchange/errors.ts";
import type { FollowedTokens } from "../exchange/handle-ports.ts";
import type { Clock } from "../exchange/ports.ts";
import type { TokenSet } from "../exchange/tokens.ts";
import type { Database } from "./database.ts";
import type { FamilyColumns } from "./family-columns.ts";
import type { FamilyEnding } from "./family-ending.ts";
import type { FamilyHandle, FamilyHandles } from "./family-handle.ts";
import { advanceFamily, type FamilyRow, readFamily, useFamily } from "./family-rows.ts";
import { standingOf } from "./family-standing.ts";
import { msUntilRoom, withToken } from "./family-tokens.ts";

export interface FollowingDeps {
  readonly database: Database;
  readonly handles: FamilyHandles;
  readonly columns: FamilyColumns;
  readonly ending: FamilyEnding;
  readonly clock: Clock;
}

export type Renew = (beyond: number) => Promise<FollowedTokens>;

/** @param idleMs a family that was not used for so long ends */
export function createFamilyFollowing(
  { database, handles, columns, ending, clock }: FollowingDeps,
  { idleMs }: { readonly idleMs: number },
) {
  /** Bounded by `signal`: each further round means that somebody else was first. */
  async function follow(shown: FamilyHandle, renew: Renew, signal: AbortSignal): Promise<TokenSet> {
    for (;;) {
      if (signal.aborted) throw new ExchangeError("DEADLINE_EXCEEDED");
      const row = await readFamily(database, shown.id);
      const standing = standingOf(row, shown.generation, clock());
      if (row === undefined || standing === "gone") throw over();
      if (standing !== "current") return keptAnswer(row, shown);
      const answer = await next(row, renew);
      if (answer !== undefined) return answer;
    }
  }

  /** For who came with a handle that was good and whose successor was made meanwhile, by whoever was first. */
  function keptAnswer(row: FamilyRow, shown: FamilyHandle): TokenSet {
    const answer = shown.generation === row.generation - 1 ? columns.openAnswer(row) : undefined;
    if (answer === undefined) throw over();
    return handedOver(row, answer);
  }

  /** Undefined: somebody else was first. */
  async function next(row: FamilyRow, renew: Renew): Promise<TokenSet | undefined> {
    // An access token that could not be remembered would not end with its family.
    const retryAfterMs = msUntilRoom(row.tokens, clock());
    if (retryAfterMs > 0) throw new ExchangeError("RATE_LIMITED", { retryAfterMs });
    const grant = columns.openGrant(row);
    if (grant?.connection === undefined) throw over();
    // From now on the predecessor is of no use to anybody, whatever becomes of this.
    await useFamily(database, row, clock());
    const { connection, ...fresh } = await renew(grant.connection.generation).catch(async (failure: unknown) => {
      if (hasReason(failure, "REAUTHENTICATION_REQUIRED")) await endAfter(row, failure);
      throw failure;
    });
    const nowMs = clock();
    const place = { ...row, generation: row.generation + 1 };
    const advanced = await advanceFamily(
      database,
      { ...row, claim: null },
      {
        generation: place.generation,
        sealed_grant: columns.sealGrant(place, { ...grant, connection }),
        sealed_answer: columns.sealAnswer(place, fresh),
        rotated_at: nowMs,
        tokens: withToken(row.tokens, fresh, nowMs),
        expires_at: nowMs + idleMs,
      },
    );
    return advanced ? handedOver(place, fresh) : undefined;
  }

  /** Its provider's own word ends what came out of it as well. Doubt about a provider's token, or its age, is no theft of those. */
  async function endAfter(row: FamilyRow, failure: ExchangeError): Promise<void> {
    if (circumstanceOf(failure)?.kind === "upstream") await ending.end(row, "rejected");
    else await ending.doubt(row);
  }

  function handedOver({ id, client_id, generation }: FamilyRow, answer: TokenSet): TokenSet {
    return { ...answer, refreshToken: handles.write(client_id, { id, generation }) };
  }

  return follow;
}

function over(): ExchangeError {
  return new ExchangeError("REAUTHENTICATION_REQUIRED");
}
