// Part of the composition root: the operations about accounts and connections, of one edition.

import { randomUUID } from "node:crypto";
import { createAccountSubjects } from "../exchange/account-subjects.ts";
import type { Audiences, Client } from "../exchange/clients.ts";
import { createConnectionStanding } from "../exchange/connection-standing.ts";
import { createConnectionTokens } from "../exchange/connection-tokens.ts";
import type { Decide } from "../exchange/decision.ts";
import { createFreshAccount } from "../exchange/fresh-account.ts";
import { createGetAccount } from "../exchange/get-account.ts";
import type { Mint } from "../exchange/mint.ts";
import type { Clock, FailureBudget, ProviderPlaces, SingleFlight } from "../exchange/ports.ts";
import type { Provider } from "../exchange/provider-ports.ts";
import { createRefreshConnection } from "../exchange/refresh-connection.ts";
import { createRefreshHeld } from "../exchange/refresh-held.ts";
import { createRevokeConnection } from "../exchange/revoke-connection.ts";
import type { SessionProvider } from "../exchange/session-ports.ts";
import type { ReadSession } from "../exchange/session-reading.ts";
import type { Verifiers, VerifySubject } from "../exchange/subject-token.ts";
import { createTokenSubject } from "../exchange/token-subject.ts";
import { createUserProof } from "../exchange/user-proof.ts";
import type { Storage } from "./storage.ts";

export interface AccountParts {
  readonly providers: ReadonlyMap<string, Provider>;
  readonly sessions: ReadonlyMap<string, SessionProvider>;
  readonly clients: ReadonlyMap<string, Client>;
  readonly subjectPrefixes: ReadonlyMap<string, string>;
  readonly audiences: Audiences;
  readonly verifiers: Verifiers;
  readonly verifySubject: VerifySubject;
  readonly readSession: ReadSession;
  readonly decide: Decide;
  readonly mint: Mint;
  readonly storage: Pick<Storage, "vault" | "handles" | "revocations" | "upstreamRevocations" | "cache">;
  readonly flights: SingleFlight;
  readonly budget: FailureBudget;
  readonly places: ProviderPlaces;
  readonly clock: Clock;
}

export function wireAccounts(parts: AccountParts) {
  const { vault, handles, revocations, upstreamRevocations, cache } = parts.storage;
  const kept = { ...parts, accounts: vault?.accounts, connections: vault?.connections, revocations };
  const subjects = createAccountSubjects(kept);
  const standing = createConnectionStanding({ ...kept, subjects });
  const tokensOf = createConnectionTokens(kept);
  const proveUser = createUserProof({ ...kept, subjects });
  const freshAccount = createFreshAccount({ ...kept, standing, tokensOf });
  return {
    subjects,
    tokenSubject: createTokenSubject(kept),
    refreshHeld: createRefreshHeld({ ...kept, standing, tokensOf, handles, fingerprint: cache.keyOf, edition: randomUUID() }),
    refreshConnection: createRefreshConnection({ ...kept, proveUser, standing, tokensOf }),
    revokeConnection: createRevokeConnection({ ...kept, proveUser, upstream: upstreamRevocations }),
    getAccount: createGetAccount({ ...kept, subjects, freshAccount }),
  };
}
