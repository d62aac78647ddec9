// The failure budget: how often a provider may refuse what one client sends, within ten minutes, before that client is paused
// there; for a public client also how often for one address, so that one abuser uses up its own share and not the client's. No
// client spends for another, and none at another provider. It owns those counts; what is a failure is the operations' to say.
// Providers count all clients together, and some ban for it. Where one has refused much altogether, an address that it refused before
// is paused at once: what is left is for those who gave no cause, and whoever has many addresses gets one refusal by each.
// One subscriber often has more than one /64: a /56 has 256 of them, and with 50 refusals each 40 would use up the 2,000 of a client.
// So the network of an address (IPv6 /48, IPv4 /24) has 8 times the share of one: 400, a fifth of what the client has. It is more
// than one share because a network may be many households, or the one address of an office next to others.
// Between a check and what is spent lies the provider's answer, so calls that are under way together may go over the budget:
// an address by its calls per second times the provider's time limit, replicas by what they have not settled yet.

import { type Circumstance, ExchangeError } from "../exchange/errors.ts";
import type { Clock, FailureBudget } from "../exchange/ports.ts";
import type { Payer } from "../exchange/trail.ts";
import { createCounters, type Reading, type Settled } from "./counters.ts";
import { limitKeyOf, networkKeyOf } from "./limit-key.ts";

/** Ten minutes by the minute: what was spent comes back a minute's worth at a time, after nine to ten minutes. */
const windowMs = 60_000;
const windows = 10;
/**
 * About 16 MiB each for addresses and networks where all are in use. A new key of an address costs a refusal by a provider, so it takes the whole budgets of ten
 * clients to push one out. Clients are counted apart, where only configured names are keys.
 */
const maxKeys = 20_000;

/** Shares of an address that its whole network has together. */
const networkShares = 8;

/** Refusals in ten minutes. */
export interface FailureSettings {
  readonly clientFailures: number;
  /** Of one address of a public client: far below the client's, or one address could pause all of its users. */
  readonly addressFailures: number;
  /** Of all clients together, before an address that was refused at all is paused. */
  readonly providerFailures: number;
}

export interface SettledFailureBudget extends FailureBudget {
  /** For settlement. */
  readonly parties: readonly Settled[];
}

export function createFailureBudget(clock: Clock, settings: () => FailureSettings): SettledFailureBudget {
  const shape = { windowMs, windows, maxKeys };
  const clients = createCounters(shape, clock);
  const addresses = createCounters(shape, clock);
  const networks = createCounters(shape, clock);
  const providers = createCounters(shape, clock);

  return {
    check(payer, provider) {
      const { clientFailures, addressFailures, providerFailures } = settings();
      const { ofClient, of } = keysOf(payer, provider);
      if (of !== undefined) {
        refuseOver(addresses.read(of.address), addressFailures, "limits.address_failures");
        refuseOver(networks.read(of.network), networkShares * addressFailures, "limits.address_failures");
        if (waitMs(providers.read(`failures ${provider}`), providerFailures) !== undefined)
          refuseOver(addresses.read(of.address), 1, "limits.provider_failures");
      }
      refuseOver(clients.read(ofClient), clientFailures, "limits.client_failures");
    },
    spend(payer, provider) {
      const { ofClient, of } = keysOf(payer, provider);
      if (of !== undefined) {
        addresses.add(of.address);
        networks.add(of.network);
      }
      clients.add(ofClient);
      providers.add(`failures ${provider}`);
    },
    parties: [providers, clients, networks, addresses],
  };
}

interface Keys {
  readonly ofClient: string;
  /** Undefined: a service, wherever it calls from. */
  readonly of: { readonly address: string; readonly network: string } | undefined;
}

/** Neither names nor addresses have a space in them, so no two payers share a key. */
function keysOf({ client, address }: Payer, provider: string): Keys {
  const ofClient = `failures ${provider} ${client}`;
  if (address === undefined) return { ofClient, of: undefined };
  return { ofClient, of: { address: `${ofClient} ${limitKeyOf(address)}`, network: `${ofClient} network ${networkKeyOf(address)}` } };
}

function refuseOver(reading: Reading, limit: number, rule: string): void {
  const retryAfterMs = waitMs(reading, limit);
  if (retryAfterMs === undefined) return;
  throw new ExchangeError("RATE_LIMITED", { retryAfterMs, cause: { kind: "policy", rule } satisfies Circumstance });
}

/** Until so many of the oldest windows have gone that there is room again. */
function waitMs({ counts, elapsedMs }: Reading, limit: number): number | undefined {
  let sum = 0;
  for (const [back, count] of counts.entries()) {
    sum += count;
    if (sum >= limit) return (counts.length - back) * windowMs - elapsedMs;
  }
  return undefined;
}
