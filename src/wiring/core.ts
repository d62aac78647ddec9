// Part of the composition root: the core operations with everything they need, ready to be called by whoever speaks to clients;
// and how a new reading of the configuration takes the place of the old one while calls go on.

import { createSingleFlight } from "../cache/single-flight.ts";
import { fingerprint } from "../config/fingerprint.ts";
import type { Configuration } from "../config/schema.ts";
import { canRevoke } from "../policy/compile.ts";
import type { Operations } from "../rpc/register.ts";
import type { OnRefreshStep } from "../vault/refresh-steps.ts";
import { type Edition, wireEdition } from "./edition.ts";
import { type Limiting, wireLimits } from "./limits.ts";
import { createWorkloadPool } from "./callers.ts";
import { mintedAlgorithms } from "./minting.ts";
import type { Foundations } from "./parts.ts";
import { createProviderPool } from "./provider.ts";
import { createSessionProviderPool } from "./session-provider.ts";
import { type Storage, wireStorage } from "./storage.ts";

export interface Core {
  /** The edition in force. Ask for every call: it changes when the configuration is reloaded. */
  readonly current: () => Edition;
  /** The operations of the edition in force. */
  readonly operations: Operations;
  readonly limiting: Limiting;
  readonly storage: Storage;
  /** Puts another edition into force. Calls under way end under the old one. */
  reload(configuration: Configuration): void;
  /** Lets upstream calls run to their end, then closes what was opened. */
  close(): Promise<void>;
}

/** What belongs to the process and not to an edition: a change takes effect at the next start. */
const startOnly = [
  "server",
  "log",
  "sealing",
  "redis",
  "database",
  "vault",
  "signing",
  "revocation_lag",
  "audit",
  "traces",
  "routes",
] as const;

/** @returns the names of changed parts that only a new start takes up */
export function needsRestart(before: Configuration, after: Configuration): readonly string[] {
  const changed = startOnly.filter((part) => fingerprint(before[part]) !== fingerprint(after[part]));
  // Whether revocations are followed is decided at the start.
  return canRevoke(before) === canRevoke(after) ? changed : [...changed, "clients.*.methods: Revoke"];
}

/** @throws Error where the database cannot be opened, its schema is not current or its signing keys cannot be used */
export async function wireCore(configuration: Configuration, foundations: Foundations, onRefreshStep?: OnRefreshStep): Promise<Core> {
  const { keys, ...observers } = foundations;
  const { clock, log } = observers;
  let edition: Edition | undefined;
  const current = (): Edition => {
    if (edition === undefined) throw new Error("the first edition is not there yet");
    return edition;
  };
  let upstreamLimit = upstreamLimitMs(configuration);
  const storage = await wireStorage(
    configuration,
    foundations,
    {
      provider: (name) => current().providers.get(name)?.provider,
      upstreamLimitMs: () => upstreamLimit,
      refreshAheadMs: (name) => current().refreshAheadMs(name),
      issuerOf: (name) => current().providers.get(name)?.provider.issuer,
      background: { providers: () => [...current().providers.keys()], senderOf: (name) => current().senderOf(name) },
      signingAlgorithms: () => mintedAlgorithms(current().configuration),
    },
    onRefreshStep,
  );
  const limiting = wireLimits(() => current().configuration, {
    clock,
    redis: storage.redis,
    perSlot: configuration.redis?.target.kind === "cluster",
    firstKey: keys[0],
  });
  const flights = createSingleFlight(() => upstreamLimit);
  const shared = {
    ...observers,
    issuer: configuration.server.issuer,
    storage,
    flights,
    budget: limiting.budget,
    places: limiting.places,
    pool: createProviderPool(observers),
    sessionPool: createSessionProviderPool(observers),
    workloads: createWorkloadPool(observers),
  };
  const wire = (read: Configuration): Edition => wireEdition(read, shared);
  const retiring = new Set<Promise<void>>();
  const closing = Promise.withResolvers<void>();

  function retire(old: Edition): void {
    // Calls that began under it may still be about to ask its providers; each has its deadline.
    const { promise: past, resolve: settle } = Promise.withResolvers<void>();
    setTimeout(settle, configuration.server.deadline).unref();
    const gone = past
      .then(() => old.close())
      .catch(() => log.warn({}, "an old configuration's connections did not close cleanly"))
      .finally(() => retiring.delete(gone));
    retiring.add(gone);
    void closing.promise.then(settle);
  }

  edition = wire(configuration);
  try {
    await storage.start();
  } catch (failure) {
    await limiting.close();
    await edition.close();
    await storage.close();
    throw failure;
  }
  storage.vault?.keeper.start();
  return {
    current,
    operations: {
      exchange: (question, signal) => current().operations.exchange(question, signal),
      exchangeToken: (question, signal) => current().operations.exchangeToken(question, signal),
      exchangeSession: (question, signal) => current().operations.exchangeSession(question, signal),
      refresh: (question, signal) => current().operations.refresh(question, signal),
      validate: (question, patience) => current().operations.validate(question, patience),
      authorize: (question, signal) => current().operations.authorize(question, signal),
      revoke: (question, signal) => current().operations.revoke(question, signal),
      refreshConnection: (question, signal) => current().operations.refreshConnection(question, signal),
      revokeConnection: (question, signal) => current().operations.revokeConnection(question, signal),
      getAccount: (question, signal) => current().operations.getAccount(question, signal),
    },
    limiting,
    storage,
    reload(read) {
      const old = current();
      edition = wire(read);
      // It never falls: calls under an earlier edition still take as long as that allows.
      upstreamLimit = Math.max(upstreamLimit, upstreamLimitMs(read));
      retire(old);
    },
    async close() {
      closing.resolve();
      // While the providers can still be asked.
      await storage.vault?.keeper.close();
      await Promise.all(retiring);
      await current().close();
      await limiting.close();
      await storage.close();
    },
  };
}

/**
 * Shared work makes at most four calls upstream one after the other: discovery, keys, keys once more for a new key id, and
 * introspection; an exchange, and the same for the new token; a refresh, and the check of an ID token that may have to fetch keys; or
 * the reading of a session.
 */
function upstreamLimitMs({ providers }: Configuration): number {
  return 4 * Math.max(0, ...Object.values(providers).map((provider) => provider.timeout));
}
