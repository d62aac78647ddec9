// One generation becomes the next: who may ask the provider, what an answer or a failure leaves behind, and how everyone else
// learns of it. The compare-and-set on the row decides; nothing in this process does. A provider's refresh token is sent again
// only where it is known that it was not spent.

import { ExchangeError, hasReason, type Reason } from "../exchange/errors.ts";
import type { Clock } from "../exchange/ports.ts";
import type { Secret } from "../exchange/secret.ts";
import type { TokenSet } from "../exchange/tokens.ts";
import { waitFor } from "../exchange/waiting.ts";
import type { Database } from "./database.ts";
import type { FamilyClaims } from "./family-claims.ts";
import type { FamilyColumns } from "./family-columns.ts";
import type { FamilyEnding } from "./family-ending.ts";
import type { FamilyGrant } from "./family-grant.ts";
import type { FamilyHandle, FamilyHandles } from "./family-handle.ts";
import { advanceFamily, type FamilyRow, readFamily } from "./family-rows.ts";
import { standingOf } from "./family-standing.ts";
import { msUntilRoom, withToken } from "./family-tokens.ts";
import { type Writer, writeLimitMs } from "./stubborn-write.ts";

/** How often a row that somebody else has claimed is looked at: a refresh takes about as long as the first few looks. */
const firstLookMs = 20;
const maxLookMs = 500;

/** Between the clocks of two replicas. */
const clockDifferenceMs = 10_000;

/** After these the provider's token is as good as before: nothing was sent, or the provider turned down the request and not the token. */
const spentNothing: ReadonlySet<Reason> = new Set<Reason>([
  "UPSTREAM_UNAVAILABLE",
  "UPSTREAM_TIMEOUT",
  "UPSTREAM_RATE_LIMITED",
  "UPSTREAM_REJECTED_CLIENT",
  "UPSTREAM_INVALID_RESPONSE",
  "SCOPE_NOT_ALLOWED",
  "TARGET_NOT_ALLOWED",
]);

export type Send = (refreshToken: Secret) => Promise<TokenSet>;

export interface RotationDeps {
  readonly database: Database;
  readonly handles: FamilyHandles;
  readonly columns: FamilyColumns;
  readonly claims: FamilyClaims;
  readonly write: Writer;
  readonly ending: FamilyEnding;
  readonly clock: Clock;
  readonly wait: (ms: number) => Promise<void>;
}

export interface RotationOptions {
  /** A family that was not used for so long ends. */
  readonly idleMs: number;
  /** The longest that a refresh takes upstream, with the checks of its answer. */
  readonly upstreamLimitMs: () => number;
}

export function createFamilyRotation(deps: RotationDeps, options: RotationOptions) {
  const { database, columns, claims, write, ending, clock } = deps;
  /** Whoever holds a claim for longer has died: before its answer came, or before it could be written. */
  const claimMs = () => options.upstreamLimitMs() + writeLimitMs + clockDifferenceMs;

  /** Bounded by `signal`: each round waits for somebody who may ask the provider, or is the one who may. */
  async function rotate(shown: FamilyHandle, send: Send, signal: AbortSignal): Promise<TokenSet> {
    let sent: TokenSet | undefined;
    const sendAndKeep: Send = async (refreshToken) => (sent = await send(refreshToken));
    for (let lookMs = firstLookMs; ; lookMs = Math.min(2 * lookMs, maxLookMs)) {
      if (signal.aborted) throw new ExchangeError("DEADLINE_EXCEEDED");
      const row = await readFamily(database, shown.id);
      const standing = standingOf(row, shown.generation, clock());
      if (row === undefined || standing === "gone") throw over();
      if (standing !== "current") return keptAnswer(row, shown, (grant) => sent ?? renewed(row, grant, send));
      if (row.claim === null) {
        const answer = await oneGeneration(row, usable(row), sendAndKeep);
        if (answer !== undefined) return answer;
      } else if (isAbandoned(row)) await ending.doubt(row, row.claim);
      else await waitFor(deps.wait(lookMs), signal);
    }
  }

  /** For who came with a handle that was good and whose successor was made meanwhile, by whoever was first. */
  async function keptAnswer(
    row: FamilyRow,
    shown: FamilyHandle,
    askAgain: (grant: TokenGrant) => TokenSet | Promise<TokenSet>,
  ): Promise<TokenSet> {
    const answer = shown.generation === row.generation - 1 ? columns.openAnswer(row) : undefined;
    if (answer === undefined) throw over();
    const grant = columns.openGrant(row);
    if (grant?.refreshToken === undefined) throw over();
    if (grant.minted !== undefined) checkWithin(await askAgain({ ...grant, refreshToken: grant.refreshToken }), answer);
    return handedOver(row, answer);
  }

  function handedOver({ id, client_id, generation }: FamilyRow, answer: TokenSet): TokenSet {
    return { ...answer, refreshToken: deps.handles.write(client_id, { id, generation }) };
  }

  function usable(row: FamilyRow): TokenGrant {
    // An access token that could not be remembered would not end with its family.
    const retryAfterMs = msUntilRoom(row.tokens, clock());
    if (retryAfterMs > 0) throw new ExchangeError("RATE_LIMITED", { retryAfterMs });
    const grant = columns.openGrant(row);
    if (grant?.refreshToken === undefined) throw over();
    return { ...grant, refreshToken: grant.refreshToken };
  }

  /** Undefined: somebody else was first, or is about to be. */
  async function oneGeneration(row: FamilyRow, grant: TokenGrant, send: Send): Promise<TokenSet | undefined> {
    if (grant.minted !== undefined) return renew({ row, grant }, send);
    const claim = await claims.take(row);
    return claim === undefined ? undefined : refreshAs({ row, grant, claim }, send);
  }

  /** A session may be read any number of times: there is nothing to claim, and nothing in doubt where somebody dies. */
  async function renew(held: Omit<Held, "claim">, send: Send): Promise<TokenSet | undefined> {
    const fresh = await renewed(held.row, held.grant, send);
    const { place, successor } = successorOf(held, fresh);
    return (await advanceFamily(database, { ...held.row, claim: null }, successor)) ? handedOver(place, fresh) : undefined;
  }

  /** A session that is over has taken the family with it. */
  async function renewed(row: FamilyRow, { refreshToken }: TokenGrant, send: Send): Promise<TokenSet> {
    return send(refreshToken).catch(async (failure: unknown) => {
      if (hasReason(failure, "REAUTHENTICATION_REQUIRED")) await ending.end(row, "rejected");
      throw failure;
    });
  }

  function isAbandoned({ claimed_at: claimedAt }: FamilyRow): boolean {
    return claimedAt === null || clock() >= claimedAt + claimMs();
  }

  async function refreshAs(held: Held, send: Send): Promise<TokenSet> {
    let fresh: TokenSet;
    try {
      fresh = await send(held.grant.refreshToken);
    } catch (failure) {
      await settle(held, failure);
      throw failure;
    }
    return commit(held, fresh);
  }

  /** What cannot be written stays claimed, and so is in doubt after its time: the failure is told as it is. */
  async function settle({ row, claim }: Held, failure: unknown): Promise<void> {
    const reason = failure instanceof ExchangeError ? failure.reason : undefined;
    if (reason !== undefined && spentNothing.has(reason)) return claims.giveBack(row, claim);
    const rejected = reason === "REAUTHENTICATION_REQUIRED";
    const ended = async () => void (rejected ? await ending.end(row, "rejected") : await ending.doubt(row, claim));
    await write(ended).catch(() => undefined);
  }

  function successorOf({ row, grant }: Omit<Held, "claim">, fresh: TokenSet) {
    const nowMs = clock();
    const place = { ...row, generation: row.generation + 1 };
    // An answer without a refresh token leaves the old one in force (RFC 6749 §6).
    const { refreshToken = grant.refreshToken } = fresh;
    const { terms, minted } = grant;
    const next: FamilyGrant = { refreshToken, subject: grant.subject ?? fresh.subject, terms, minted };
    const successor = {
      generation: place.generation,
      sealed_grant: columns.sealGrant(place, next),
      sealed_answer: columns.sealAnswer(place, fresh),
      rotated_at: nowMs,
      tokens: withToken(row.tokens, fresh, nowMs),
      expires_at: nowMs + options.idleMs,
    };
    return { place, successor };
  }

  async function commit(held: Held, fresh: TokenSet): Promise<TokenSet> {
    const { row, claim } = held;
    const { place, successor } = successorOf(held, fresh);
    const advanced = write(async () => (await advanceFamily(database, { ...row, claim }, successor)) || wasWritten(row));
    const kept = await advanced.catch((cause: unknown) => {
      throw new ExchangeError("OUTCOME_UNKNOWN", { cause });
    });
    // Ended while the provider answered: an ended family hands out nothing any more.
    if (!kept) throw over();
    return handedOver(place, fresh);
  }

  /** By an earlier try whose outcome was not known: under this claim nobody else could have. */
  async function wasWritten({ id, generation }: FamilyRow): Promise<boolean> {
    const row = await readFamily(database, id);
    return row !== undefined && row.ended_at === null && row.generation > generation;
  }

  return rotate;
}

/** What is kept here itself, and by no connection. */
type TokenGrant = FamilyGrant & { readonly refreshToken: Secret };

/** A generation that is this process's to refresh. */
interface Held {
  readonly row: FamilyRow;
  readonly grant: TokenGrant;
  readonly claim: string;
}

/** What was answered before is answered again only where the session still stands and policy would still grant it. */
function checkWithin(now: TokenSet, before: TokenSet): void {
  if (!(before.scopes ?? []).every((scope) => now.scopes?.includes(scope) === true)) throw new ExchangeError("SCOPE_NOT_ALLOWED");
}

function over(): ExchangeError {
  return new ExchangeError("REAUTHENTICATION_REQUIRED");
}
