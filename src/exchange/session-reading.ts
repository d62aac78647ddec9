// A session, read at its origin just now and held against what was ended here. Whoever brings one that is refused there pays for it.

import { circumstanceOf, ExchangeError, hasReason } from "./errors.ts";
import type { FailureBudget, Revocations } from "./ports.ts";
import { risksBan } from "./refusal-cost.ts";
import type { Session, SessionProvider, ShownSession } from "./session-ports.ts";
import type { Trail } from "./trail.ts";

export interface SessionQuestion {
  readonly provider: SessionProvider;
  readonly shown: ShownSession;
  readonly trail: Trail;
}

export interface SessionReadingDeps {
  readonly revocations: Pick<Revocations, "check">;
  readonly budget: Pick<FailureBudget, "spend">;
}

/** The result throws ExchangeError SESSION_INVALID, UPSTREAM_*, DEADLINE_EXCEEDED, STORE_UNAVAILABLE */
export function createSessionReading({ revocations, budget }: SessionReadingDeps) {
  return async function readSession({ provider, shown, trail }: SessionQuestion, signal: AbortSignal): Promise<Session> {
    const session = await provider.readSession(shown, signal).catch((failure: unknown) => {
      if (countsAgainst(failure)) budget.spend(trail.payer, provider.name);
      throw failure;
    });
    checkNotEnded(revocations, provider.name, session);
    return session;
  };
}

export type ReadSession = ReturnType<typeof createSessionReading>;

/** What the application refused counts against whoever brought it, as what it may ban us for does. */
function countsAgainst(failure: unknown): boolean {
  return (hasReason(failure, "SESSION_INVALID") && circumstanceOf(failure)?.kind === "upstream") || risksBan(failure);
}

/**
 * Who ended all that a user has has ended this session here, whatever its origin says.
 * @throws ExchangeError SESSION_INVALID, STORE_UNAVAILABLE
 */
export function checkNotEnded(revocations: Pick<Revocations, "check">, provider: string, { account, startedAt }: Session): void {
  try {
    revocations.check({ provider, id: "", subject: account.providerUserId, issuedAt: startedAt });
  } catch (failure) {
    throw hasReason(failure, "TOKEN_REVOKED") ? new ExchangeError("SESSION_INVALID", { field: "SESSION", cause: failure }) : failure;
  }
}
