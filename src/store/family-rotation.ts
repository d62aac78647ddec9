// One generation of a family becomes the next: what stands behind it is asked for more, and the compare-and-set on the row decides whose
// answer is the family's. Whoever was second is told that one. Nothing one-time is spent here: a session may be read any number of times,
// and that a connection's provider is asked at most once is the connection's own matter (vault/).

import { circumstanceOf, ExchangeError, hasReason } from "../exchange/errors.ts";
import type { FollowedTokens } from "../exchange/handle-ports.ts";
import type { Clock } from "../exchange/ports.ts";
import type { Secret } from "../exchange/secret.ts";
import type { TokenSet } from "../exchange/tokens.ts";
import type { Database } from "./database.ts";
import type { FamilyColumns } from "./family-columns.ts";
import type { FamilyEnding } from "./family-ending.ts";
import type { FamilyGrant, PointerGrant, SessionGrant } from "./family-grant.ts";
import type { FamilyHandle, FamilyHandles } from "./family-handle.ts";
import { advanceFamily, type FamilyRow, readFamily, useFamily } from "./family-rows.ts";
import { standingOf } from "./family-standing.ts";
import { msUntilRoom, withToken } from "./family-tokens.ts";

export interface RotationDeps {
  readonly database: Database;
  readonly handles: FamilyHandles;
  readonly columns: FamilyColumns;
  readonly ending: FamilyEnding;
  readonly clock: Clock;
}

export interface RotationOptions {
  /** Milliseconds; a family that was not used for so long ends. */
  readonly idleMs: number;
}

/** What is asked of that which a family stands for. */
interface Renewal<G extends FamilyGrant> {
  readonly kind: G["kind"];
  /** @returns what is handed out, and what the next generation stands for */
  readonly renew: (grant: G) => Promise<Renewed<G>>;
  /** What was answered to somebody else is about to be answered once more. */
  readonly checkKept: (grant: G, answer: TokenSet) => Promise<void>;
}

interface Renewed<G> {
  readonly fresh: TokenSet;
  readonly grant: G;
}

export interface FamilyRotation {
  /** See HeldConnection. */
  follow(shown: FamilyHandle, renew: (beyond: number) => Promise<FollowedTokens>, signal: AbortSignal): Promise<TokenSet>;
  /** See HeldSession. */
  renew(shown: FamilyHandle, read: (session: Secret) => Promise<TokenSet>, signal: AbortSignal): Promise<TokenSet>;
}

export function createFamilyRotation(deps: RotationDeps, options: RotationOptions): FamilyRotation {
  const { database, columns, ending, clock } = deps;

  /** Bounded by `signal`: each further round means that somebody else was first. */
  async function rotate<G extends FamilyGrant>(shown: FamilyHandle, renewal: Renewal<G>, signal: AbortSignal): Promise<TokenSet> {
    for (;;) {
      if (signal.aborted) throw new ExchangeError("DEADLINE_EXCEEDED");
      const row = await readFamily(database, shown.id);
      const standing = standingOf(row, shown.generation, clock());
      if (row === undefined || standing === "gone") throw over();
      const answer = standing === "current" ? await next(row, renewal) : await keptAnswer(row, shown, renewal);
      if (answer !== undefined) return answer;
    }
  }

  /** For who came with a handle that was good and whose successor was made meanwhile, by whoever was first. */
  async function keptAnswer<G extends FamilyGrant>(row: FamilyRow, shown: FamilyHandle, renewal: Renewal<G>): Promise<TokenSet> {
    const answer = shown.generation === row.generation - 1 ? columns.openAnswer(row) : undefined;
    if (answer === undefined) throw over();
    await endingWith(row, renewal.kind, () => renewal.checkKept(grantOf(row, renewal), answer));
    return handedOver(row, answer);
  }

  /** Undefined: somebody else was first. */
  async function next<G extends FamilyGrant>(row: FamilyRow, renewal: Renewal<G>): Promise<TokenSet | undefined> {
    // An access token that could not be remembered would not end with its family.
    const retryAfterMs = msUntilRoom(row.tokens, clock());
    if (retryAfterMs > 0) throw new ExchangeError("RATE_LIMITED", { retryAfterMs });
    const held = grantOf(row, renewal);
    // From now on the predecessor is of no use to anybody, whatever becomes of this.
    await useFamily(database, row, clock());
    const { fresh, grant } = await endingWith(row, renewal.kind, () => renewal.renew(held));
    const nowMs = clock();
    const place = { ...row, generation: row.generation + 1 };
    const advanced = await advanceFamily(database, row, {
      generation: place.generation,
      sealed_grant: columns.sealGrant(place, grant),
      sealed_answer: columns.sealAnswer(place, fresh),
      rotated_at: nowMs,
      tokens: withToken(row.tokens, fresh, nowMs),
      expires_at: nowMs + options.idleMs,
    });
    return advanced ? handedOver(place, fresh) : undefined;
  }

  function grantOf<G extends FamilyGrant>(row: FamilyRow, { kind }: Renewal<G>): G {
    const grant = columns.openGrant(row);
    if (grant === undefined || !isOf<G>(grant, kind)) throw over();
    return grant;
  }

  /** What stood behind the family and is over takes it along. */
  async function endingWith<T>(row: FamilyRow, kind: FamilyGrant["kind"], work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (failure) {
      if (hasReason(failure, "REAUTHENTICATION_REQUIRED")) {
        // Its origin's own word ends what came out of it as well. Doubt about a provider's token, or its age, is no theft of those.
        if (kind === "session" || circumstanceOf(failure)?.kind === "upstream") await ending.end(row, "rejected");
        else await ending.lapse(row, "lapsed");
      }
      throw failure;
    }
  }

  function handedOver({ id, client_id, generation }: FamilyRow, answer: TokenSet): TokenSet {
    return { ...answer, refreshToken: deps.handles.write(client_id, { id, generation }) };
  }

  return {
    follow(shown, renew, signal) {
      const ask = async (grant: PointerGrant): Promise<Renewed<PointerGrant>> => {
        const { connection, ...fresh } = await renew(grant.connection.generation);
        return { fresh, grant: { ...grant, connection } };
      };
      return rotate<PointerGrant>(shown, { kind: "connection", renew: ask, checkKept: async () => undefined }, signal);
    },
    renew(shown, read, signal) {
      let last: TokenSet | undefined;
      const ask = async (grant: SessionGrant): Promise<Renewed<SessionGrant>> => {
        last = await read(grant.session);
        return { fresh: last, grant };
      };
      const checkKept = async (grant: SessionGrant, answer: TokenSet): Promise<void> => {
        checkWithin(last ?? (await read(grant.session)), answer);
      };
      return rotate<SessionGrant>(shown, { kind: "session", renew: ask, checkKept }, signal);
    },
  };
}

function isOf<G extends FamilyGrant>(grant: FamilyGrant, kind: G["kind"]): grant is G {
  return grant.kind === kind;
}

/** What was answered before is answered again only where the session still stands and policy would still grant it. */
function checkWithin(now: TokenSet, before: TokenSet): void {
  if (!(before.scopes ?? []).every((scope) => now.scopes?.includes(scope) === true)) throw new ExchangeError("SCOPE_NOT_ALLOWED");
}

function over(): ExchangeError {
  return new ExchangeError("REAUTHENTICATION_REQUIRED");
}
