// Part of the composition root: how the configured services prove themselves, and the platforms that vouch for them, each with its own
// HTTP client, guard and keys.

import { createAuthenticate, type Service } from "../callers/authenticate.ts";
import { createConfiguredKeys } from "../callers/configured-keys.ts";
import type { WorkloadIssuer } from "../callers/workload.ts";
import { ConfigurationError, type Mistake } from "../config/mistakes.ts";
import type { Configuration } from "../config/schema.ts";
import type { Decide } from "../exchange/decision.ts";
import { createKeySet, type KeySet } from "../keys/key-set.ts";
import { createHttpClient } from "../net/http-client.ts";
import type { Policy } from "../policy/compile.ts";
import { createJwksFetch } from "../providers/fetch-jwks.ts";
import type { Callers } from "../rpc/caller.ts";
import { createTracedHttpClient } from "../tracing/traced-http-client.ts";
import { createPool, type Pool } from "./pool.ts";
import { reportTo } from "./call-report.ts";
import { wireGuard } from "./guard.ts";
import type { Observers } from "./parts.ts";
import type { Storage } from "./storage.ts";

export type WorkloadSettings = Configuration["workload_issuers"][string];

export interface WiredWorkloadIssuer extends WorkloadIssuer {
  close(): Promise<void>;
}

export type WorkloadPool = Pool<WorkloadSettings, WiredWorkloadIssuer>;

export interface CallersParts extends Observers {
  /** What assertions must name as their audience; that of the start. */
  readonly issuer: string | undefined;
  readonly policy: Policy;
  readonly decide: Decide;
  readonly storage: Storage;
  readonly workloads: WorkloadPool;
}

export interface WiredCallers {
  readonly callers: Callers;
  close(): Promise<void>;
}

export function wireCallers(configuration: Configuration, parts: CallersParts): WiredCallers {
  const { clock, issuer, policy, decide, storage } = parts;
  const services = servicesOf(configuration, policy);
  if (issuer === undefined && services.some(({ assertions }) => assertions !== undefined))
    throw new ConfigurationError("reload", [lateIssuer]);
  const workloadIssuers = parts.workloads.take(Object.entries(configuration.workload_issuers));
  const authenticate = createAuthenticate({ clock, issuer, usedAssertions: storage.usedAssertions, workloadIssuers }, services);
  return {
    callers: { clients: policy.clients, publicMethods: policy.publicMethods, decide, authenticate },
    close: () => parts.workloads.release(workloadIssuers),
  };
}

/** Where there is none at the start, a start with assertions is refused long before (config/). */
const lateIssuer: Mistake = {
  path: "server.issuer",
  line: undefined,
  problem: "takes effect at the next start, and assertions must name it",
  fix: "Start anew, or leave out the clients' assertions until then.",
};

function servicesOf(configuration: Configuration, policy: Policy): readonly Service[] {
  return Object.entries(configuration.clients).flatMap(([id, { secrets, assertions, workloads, certificates }]) => {
    const client = policy.clients.get(id);
    return client?.kind === "service" ? [{ client, secrets, assertions, workloads, certificates }] : [];
  });
}

export function createWorkloadPool(observers: Observers): WorkloadPool {
  const { clock, log, metrics, traces } = observers;
  return createPool((name: string, settings: WorkloadSettings) => {
    const { issuer, algorithms, jwks, jwks_url: url } = settings;
    if (url === undefined) return { issuer, algorithms, keySet: createConfiguredKeys(jwks ?? []), close: async () => undefined };
    // A provider may have the same name.
    const observedAs = `workload_issuer:${name}`;
    const { guard, close: closeGuard } = wireGuard(observedAs, observers);
    const client = createHttpClient({
      allowedOrigins: new Set([new URL(url).origin]),
      allowHttp: settings.allow_http,
      provider: name,
      timeoutMs: settings.timeout,
      clock,
      guard,
      onCall: reportTo(metrics, observedAs),
    });
    const http = createTracedHttpClient(client, traces, observedAs);
    const fetchJwks = createJwksFetch({ http, clock });
    const keySet: KeySet = createKeySet({
      fetchJwks: (signal) => fetchJwks(url, signal),
      clock,
      onEvent: (event) => {
        if (event.kind === "failed")
          log.warn({ workload_issuer: name, reason: event.reason }, "the workload issuer's keys could not be fetched");
        else log.info({ workload_issuer: name, keys: event.keys, dropped: event.dropped }, "the workload issuer's keys were fetched");
      },
    });
    const close = (): Promise<void> => {
      closeGuard();
      return http.close();
    };
    return { issuer, algorithms, keySet, close };
  });
}
