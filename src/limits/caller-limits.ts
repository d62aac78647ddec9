// How much is taken from whom, per second: a service by its name, wherever it calls from; a public client by its name and the
// address that speaks for it; an address by the calls that nobody stood up for. The limits are asked anew for every call, as the
// configuration may have been reloaded. It owns who is counted under which key; the counting is rate-counters.ts.
// A service that has proved itself is never refused for its address: many may share one with somebody who guesses.

import { type Circumstance, ExchangeError } from "../exchange/errors.ts";
import { limitKeyOf } from "./limit-key.ts";
import type { RateCounters } from "./rate-counters.ts";

/** Calls per second. */
export interface RateSettings {
  readonly services: number;
  /** Per address. */
  readonly publicClients: number;
  /** Calls that nobody stood up for. */
  readonly addresses: number;
  /** Client id → its own limit, which wins over the two above. */
  readonly ofClient: ReadonlyMap<string, number>;
}

export interface CallerLimitsParts {
  /** Its keys are names of configured services only: whoever made others could not push these out. */
  readonly services: RateCounters;
  readonly addresses: RateCounters;
  readonly settings: () => RateSettings;
}

export interface CallerLimits {
  /** For a call that nobody stands up for so far. Counts nothing. @throws ExchangeError RATE_LIMITED after too many of this address */
  ofUnproven(address: string): void;
  /** Counts a call that ended without a known caller. */
  countUnproven(address: string): void;
  /** @throws ExchangeError RATE_LIMITED */
  ofService(clientId: string): void;
  /** @throws ExchangeError RATE_LIMITED */
  ofPublicClient(clientId: string, address: string): void;
}

export function createCallerLimits({ services, addresses, settings }: CallerLimitsParts): CallerLimits {
  return {
    ofUnproven(address) {
      refuseWhile(addresses.wait(unprovenKey(address), settings().addresses), "limits.addresses");
    },
    countUnproven(address) {
      addresses.add(unprovenKey(address));
    },
    ofService(clientId) {
      const { perSecond, rule } = limitOf(clientId, "services");
      refuseWhile(services.take(`service ${clientId}`, perSecond), rule);
    },
    ofPublicClient(clientId, address) {
      const { perSecond, rule } = limitOf(clientId, "publicClients");
      refuseWhile(addresses.take(`public ${clientId} ${limitKeyOf(address)}`, perSecond), rule);
    },
  };

  function limitOf(clientId: string, kind: "services" | "publicClients"): { readonly perSecond: number; readonly rule: string } {
    const now = settings();
    const own = now.ofClient.get(clientId);
    if (own !== undefined) return { perSecond: own, rule: `clients.${clientId}.rate_limit` };
    return { perSecond: now[kind], rule: kind === "services" ? "limits.services" : "limits.public_clients" };
  }
}

function unprovenKey(address: string): string {
  return `unproven ${limitKeyOf(address)}`;
}

function refuseWhile(retryAfterMs: number | undefined, rule: string): void {
  if (retryAfterMs === undefined) return;
  throw new ExchangeError("RATE_LIMITED", { retryAfterMs, cause: { kind: "policy", rule } satisfies Circumstance });
}
