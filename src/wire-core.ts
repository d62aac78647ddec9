// Part of the composition root: the core operations with everything they need, ready to be called by whoever speaks to clients.

import { createHash, randomBytes } from "node:crypto";
import type { Configuration } from "./config/schema.ts";
import { createAuthorize } from "./exchange/authorize.ts";
import { createExchange } from "./exchange/exchange.ts";
import { createPkce } from "./exchange/pkce.ts";
import type { AccessTokenVerifier } from "./exchange/ports.ts";
import { createRefresh } from "./exchange/refresh.ts";
import { createValidate, type Verifiers } from "./exchange/validate.ts";
import { createSingleFlight } from "./cache/single-flight.ts";
import { createAuthenticate } from "./callers/basic.ts";
import type { Policy } from "./policy/compile.ts";
import type { Callers } from "./rpc/caller.ts";
import type { Operations } from "./rpc/register.ts";
import { wireProvider } from "./wire-provider.ts";
import { type Observers, type Storage, wireStorage } from "./wire-storage.ts";

export interface Core extends Operations {
  readonly redisStatus: Storage["redisStatus"];
  /** Lets upstream calls run to their end, then closes what was opened. */
  close(): Promise<void>;
}

export function wireCore(configuration: Configuration, policy: Policy, observers: Observers): Core {
  const { clock } = observers;
  const storage = wireStorage(configuration, observers);
  const wired = Object.entries(configuration.providers).map(([name, settings]) => wireProvider(name, settings, { ...observers, policy }));
  const providers = new Map(wired.map(({ provider }) => [provider.name, provider]));
  const flights = createSingleFlight(flightLimitMs(configuration));
  const pkce = createPkce(randomBytes);
  const { audiences } = policy;
  const { cache, oneTime, handles } = storage;
  return {
    callers: wireCallers(configuration, policy),
    exchange: createExchange({ providers, audiences, oneTime, handles, pkce, clock }),
    refresh: createRefresh({ providers, audiences, handles, flights, fingerprint: cache.keyOf }),
    validate: createValidate({ verifiers: createVerifiers(wired.map(({ verifier }) => verifier)), audiences, cache, flights, clock }),
    authorize: createAuthorize({ providers, audiences, oneTime, pkce, clock }),
    redisStatus: storage.redisStatus,
    async close() {
      await Promise.all(wired.map((one) => one.close()));
      await storage.close();
    },
  };
}

/** Shared work makes at most three calls upstream one after the other: discovery, keys, and keys once more for a new key id. */
function flightLimitMs({ providers }: Configuration): number {
  return 3 * Math.max(0, ...Object.values(providers).map((provider) => provider.timeout));
}

function wireCallers(configuration: Configuration, { clients, publicMethods }: Policy): Callers {
  const services = [...clients.values()].filter((client) => client.kind === "service");
  const authenticate = createAuthenticate(services.map((client) => ({ client, secrets: configuration.clients[client.id]?.secrets ?? [] })));
  return { clients, publicMethods, authenticate };
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
