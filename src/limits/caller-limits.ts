// How much is taken from whom, per second: a service by its name, wherever it calls from; a public client by its name and the
// address that speaks for it; an address by the calls that nobody stood up for. The limits are asked anew for every call, as the
// configuration may have been reloaded. It owns who is counted under which key; the counting is rate-counters.ts.
// An address is refused before its proof is looked at, so that guessing secrets and costly signatures has an end. The price: whoever
// shares an address with somebody who fails that often is refused as well, proven services included.

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
  /** @throws ExchangeError RATE_LIMITED where too many calls of this address were unproven. Counts nothing. */
  beforeProof(address: string): void;
  /** Counts a call that ended without a known caller. */
  unproven(address: string): void;
  /** @throws ExchangeError RATE_LIMITED */
  ofService(clientId: string): void;
  /** @throws ExchangeError RATE_LIMITED */
  ofPublicClient(clientId: string, address: string): void;
}

export function createCallerLimits({ services, addresses, settings }: CallerLimitsParts): CallerLimits {
  return {
    beforeProof(address) {
      refuseWhile(addresses.wait(unprovenKey(address), settings().addresses), "limits.addresses");
    },
    unproven(address) {
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
