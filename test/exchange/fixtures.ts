// Clients, grants, trails and failures as tests of the core write them down: each states only what it is about.

import { expect } from "vitest";
import { type Client, methods, type ProviderGrant } from "../../src/exchange/clients.ts";
import type { Reason } from "../../src/exchange/errors.ts";
import type { Audit, AuditEntry } from "../../src/exchange/ports.ts";
import type { Trail, TrailNotes } from "../../src/exchange/trail.ts";
import { createProviderPlaces } from "../../src/limits/provider-places.ts";

/** Nothing allowed, except what is given. */
export function clientOf(given: Partial<Client> & Pick<Client, "kind">): Client {
  return {
    id: `some-${given.kind}`,
    origins: new Set(),
    methods: new Set(methods),
    providers: new Map(),
    audiences: [],
    rawRefreshTokens: given.kind === "service",
    refreshCookie: undefined,
    disabled: false,
    reportOnly: new Set(),
    ...given,
  };
}

export function grantOf(given: Partial<ProviderGrant>): ProviderGrant {
  return {
    redirectUris: [],
    scopes: [],
    audiences: [],
    maxLifetimeMs: undefined,
    exchangedRefreshTokens: false,
    connections: false,
    connectionsOf: new Set(),
    ...given,
  };
}

/** A service that issues no tokens of its own. */
export const nothingMinted = {
  minting: new Map(),
  mint: {
    plan(): never {
      throw new Error("nothing is minted here");
    },
    issue: () => Promise.reject(new Error("nothing is minted here")),
    checkReady: () => undefined,
  },
  verifyActor: () => Promise.reject(new Error("nobody acts here")),
  tokenSubject: () => Promise.reject(new Error("nothing is minted here")),
};

/** More places than any test has calls. */
export const roomyPlaces = createProviderPlaces(() => 1_000_000);

/** A trail that nobody reads. */
export const silentTrail = (client = "web"): Trail => recordingTrail(client).trail;

/** A trail, what was noted on it so far, and how often an intent was put on record. */
export function recordingTrail(client = "web"): { trail: Trail; notes: () => TrailNotes; intents: () => number } {
  let notes: TrailNotes = {};
  let intents = 0;
  const trail: Trail = {
    payer: { client, address: "192.0.2.1" },
    note: (more) => {
      notes = { ...notes, ...more };
    },
    intent: () => {
      intents += 1;
      return Promise.resolve();
    },
  };
  return { trail, notes: () => notes, intents: () => intents };
}

/** An audit trail that forgets nothing for as long as a test runs. */
export function recordingAudit(): Audit & { readonly entries: readonly AuditEntry[] } {
  const entries: AuditEntry[] = [];
  return {
    entries,
    intend: async (entry) => {
      entries.push(entry);
    },
    record: (entry) => {
      entries.push(entry);
    },
  };
}

/** What it gives, or what it throws: for tables in which some rows do the one and some the other. */
export function outcomeOf(act: () => unknown): unknown {
  try {
    return act();
  } catch (failure) {
    return failure;
  }
}

/** For `toThrow`, `rejects.toThrow` and `toEqual`: a decided failure for this reason, and the facts where they are given. */
export function refusal(reason: Reason, facts: Record<string, unknown> = {}): unknown {
  return expect.objectContaining({ name: "ExchangeError", message: reason, reason, ...facts });
}
