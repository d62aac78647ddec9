// Part of the composition root: one reading of the configuration, with all that follows from it: policy, proofs of callers, and the
// operations over their providers. A reload makes a new edition beside the old one; what is remembered (storage.ts) stays.

import { createHash, randomBytes, randomUUID } from "node:crypto";
import type { Configuration, ProviderConfiguration } from "../config/schema.ts";
import { createActorToken } from "../exchange/actor-token.ts";
import { createAuthorize } from "../exchange/authorize.ts";
import { createExchange } from "../exchange/exchange.ts";
import { createExchangeSession } from "../exchange/exchange-session.ts";
import { createExchangeToken } from "../exchange/exchange-token.ts";
import { createPkce } from "../exchange/pkce.ts";
import type { AccessTokenVerifier, FailureBudget, ProviderPlaces, SingleFlight } from "../exchange/ports.ts";
import { createRefresh } from "../exchange/refresh.ts";
import { createRefreshSession } from "../exchange/refresh-session.ts";
import { createRevoke } from "../exchange/revoke.ts";
import type { SessionProvider } from "../exchange/session-ports.ts";
import { createSessionReading } from "../exchange/session-reading.ts";
import { createSubjectToken, type Verifiers } from "../exchange/subject-token.ts";
import { createSwap } from "../exchange/swap.ts";
import { createValidate } from "../exchange/validate.ts";
import { compilePolicy, type Policy } from "../policy/compile.ts";
import { createDecide } from "../policy/evaluate.ts";
import { rememberCalls } from "../policy/known-calls.ts";
import type { Callers } from "../rpc/caller.ts";
import type { Operations } from "../rpc/register.ts";
import { wireAccounts } from "./accounts.ts";
import { wireCallers, type WorkloadPool } from "./callers.ts";
import { wireMint, wireOwnVerifier } from "./minting.ts";
import { type ProviderPool, usesOf, type WiredProvider } from "./provider.ts";
import { type SessionProviderPool, sessionProvidersOf } from "./session-provider.ts";
import { senderAt } from "./keeper.ts";
import type { Observers } from "./parts.ts";
import type { Storage } from "./storage.ts";
import type { Sender } from "../vault/provider-keeper.ts";

export interface Edition {
  readonly configuration: Configuration;
  readonly policy: Policy;
  readonly callers: Callers;
  readonly operations: Operations;
  readonly providers: ReadonlyMap<string, WiredProvider>;
  /** Where users' sessions are read, by configured name. */
  readonly sessionProviders: ReadonlyMap<string, SessionProvider>;
  /** How long before it expires a kept access token of that provider is refreshed; undefined: it is not configured. */
  readonly refreshAheadMs: (provider: string) => number | undefined;
  /** How that provider's connections are refreshed in the background; undefined: it is not configured. */
  readonly senderOf: (provider: string) => Sender | undefined;
  /** Lets upstream calls run to their end, then closes what no later edition uses. */
  close(): Promise<void>;
}

export interface Shared extends Observers {
  /** This service's own, as it was at the start. */
  readonly issuer: string | undefined;
  readonly storage: Storage;
  readonly flights: SingleFlight;
  readonly budget: FailureBudget;
  readonly places: ProviderPlaces;
  readonly pool: ProviderPool;
  readonly sessionPool: SessionProviderPool;
  readonly workloads: WorkloadPool;
}

export function wireEdition(configuration: Configuration, shared: Shared): Edition {
  const { clock, storage, flights, budget, places } = shared;
  const policy = compilePolicy(configuration);
  const decide = rememberCalls(createDecide(policy.audiences, policy));
  // First, as it may refuse: nothing is held then that nobody would release.
  const callers = wireCallers(configuration, { ...shared, policy, decide });
  const wired = shared.pool.take(usesOf(configuration, policy));
  const providers = new Map([...wired].map(([name, { provider }]) => [name, provider]));
  const wiredSessions = shared.sessionPool.take(sessionProvidersOf(configuration));
  const sessions = new Map([...wiredSessions].map(([name, { provider }]) => [name, provider]));
  const minting = { issuer: shared.issuer, signing: storage.signing, clock };
  const foreign = [...wired.values(), ...wiredSessions.values()].map(({ verifier }) => verifier);
  const verifiers = createVerifiers([wireOwnVerifier(minting), ...foreign].filter((one) => one !== undefined));
  const mint = wireMint(configuration, policy, { ...minting, decide });
  const pkce = createPkce(randomBytes);
  const { audiences } = policy;
  const { cache, exchanges, sharedFlights, oneTime, handles, revocations, upstreamRevocations, vault } = storage;
  const [accounts, connections] = [vault?.accounts, vault?.connections];
  const common = { providers, verifiers, audiences, decide, places, clock };
  const verifySubject = createSubjectToken({ verifiers, cache, flights, budget, places, clock });
  const swap = createSwap({ ...common, revocations, keyOf: cache.keyOf, exchanges, flights, sharedFlights, budget });
  const verifyActor = createActorToken({ verifySubject, audiences, decide, revocations });
  const readSession = createSessionReading({ revocations, budget });
  const ofAccounts = {
    ...common,
    storage,
    sessions,
    clients: policy.clients,
    subjectPrefixes: policy.subjectPrefixes,
    verifySubject,
    readSession,
    mint,
    flights,
    budget,
  };
  const { subjects, tokenSubject, refreshHeld, ...aboutConnections } = wireAccounts(ofAccounts);
  const issuing = { minting: policy.minting, mint, verifyActor, tokenSubject };
  const keeping = { handles, connections };
  const refreshSession = createRefreshSession({
    sessions,
    decide,
    mint,
    readSession,
    flights,
    budget,
    places,
    fingerprint: cache.keyOf,
    edition: randomUUID(),
  });
  return {
    configuration,
    policy,
    callers: callers.callers,
    operations: {
      exchange: createExchange({ ...common, ...keeping, minting: policy.minting, mint, oneTime, budget, pkce, accounts, subjects }),
      exchangeToken: createExchangeToken({ verifySubject, swap, audiences, decide, revocations, ...keeping, ...issuing }),
      exchangeSession: createExchangeSession({ sessions, decide, mint, verifyActor, readSession, revocations, handles, budget, places }),
      refresh: createRefresh({ ...common, handles, revocations, flights, budget, refreshSession, refreshHeld, fingerprint: cache.keyOf }),
      validate: createValidate({ verifySubject, swap, decide, revocations, ...issuing }),
      authorize: createAuthorize({ ...common, minting: policy.minting, oneTime, pkce }),
      ...aboutConnections,
      revoke: createRevoke({ ...common, handles, revocations, upstream: upstreamRevocations, budget }),
    },
    providers: wired,
    sessionProviders: sessions,
    refreshAheadMs: (name) => refreshAheadOf(configuration, name),
    senderOf: (name) => senderAt(wired.get(name), oauthProviderOf(configuration, name)),
    async close() {
      await Promise.all([callers.close(), shared.pool.release(wired), shared.sessionPool.release(wiredSessions)]);
    },
  };
}

function refreshAheadOf(configuration: Configuration, name: string): number | undefined {
  return oauthProviderOf(configuration, name)?.refresh_ahead;
}

function oauthProviderOf({ providers }: Configuration, name: string): ProviderConfiguration | undefined {
  const provider = Object.hasOwn(providers, name) ? providers[name] : undefined;
  return provider === undefined || provider.kind === "better-auth" ? undefined : provider;
}

function createVerifiers(all: readonly AccessTokenVerifier[]): Verifiers {
  const byName = new Map(all.map((verifier) => [verifier.provider, verifier]));
  const byIssuer = new Map(all.map((verifier) => [verifier.issuer, verifier]));
  const hashes = all.map((verifier) => `${verifier.provider} ${verifier.contentHash}`).toSorted();
  return {
    byName: (name) => byName.get(name),
    byIssuer: (issuer) => byIssuer.get(issuer),
    contentHash: createHash("sha256").update(hashes.join("\n")).digest("hex"),
  };
}
