// Sign-ins that were ended by whoever ended all that their user has: what was kept of one ends by that as soon as it is used. One that
// nobody put a name to can be ended by its handle only.

import type { Client } from "./clients.ts";
import { ExchangeError, hasReason } from "./errors.ts";
import type { RefreshHandles } from "./handle-ports.ts";
import type { RevocableToken, Revocations } from "./ports.ts";
import type { Secret } from "./secret.ts";

export type SignInName = Pick<RevocableToken, "provider" | "subject" | "issuedAt">;

/**
 * While the account is disabled nothing ends: it may be enabled.
 * @throws ExchangeError ACCOUNT_DISABLED; STORE_UNAVAILABLE: that cannot be known
 */
export function isEndedSignIn(revocations: Pick<Revocations, "check">, name: SignInName): boolean {
  try {
    revocations.check({ ...name, id: "" });
    return false;
  } catch (failure) {
    if (hasReason(failure, "TOKEN_REVOKED")) return true;
    // No token was shown that it could be about.
    throw hasReason(failure, "ACCOUNT_DISABLED") ? new ExchangeError("ACCOUNT_DISABLED") : failure;
  }
}

/** What cannot be known now counts as standing: for those who have asked before. @throws what `isEnded` throws, but for STORE_UNAVAILABLE */
export function ifThatIsKnown(isEnded: () => boolean): boolean {
  try {
    return isEnded();
  } catch (failure) {
    if (hasReason(failure, "STORE_UNAVAILABLE")) return false;
    throw failure;
  }
}

/**
 * The revocation is forgotten one day; what it ended must not come back by that.
 * @throws ExchangeError REAUTHENTICATION_REQUIRED, when it has ended; STORE_UNAVAILABLE
 */
export async function endByHandle(handles: Pick<RefreshHandles, "findToEnd">, client: Client, handle: Secret): Promise<never> {
  const ended = await handles.findToEnd(client.id, handle);
  await ended?.end();
  throw new ExchangeError("REAUTHENTICATION_REQUIRED");
}
