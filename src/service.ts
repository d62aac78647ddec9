// The composition root: with its neighbours wire-*.ts the only place that knows all the parts. Here the core meets the port,
// and both are started and stopped in order. It decides nothing about a request.

import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { Configuration } from "./config/schema.ts";
import type { Clock } from "./exchange/ports.ts";
import { compilePolicy, type Policy } from "./policy/compile.ts";
import { createGate } from "./rpc/caller.ts";
import { createExchangeRoute } from "./rpc/exchange-route.ts";
import { contract, registerTokenExchange } from "./rpc/register.ts";
import { logStart } from "./start-log.ts";
import { createLog } from "./telemetry/log.ts";
import { createMetrics } from "./telemetry/metrics.ts";
import { createAccessLog } from "./transport/access-log.ts";
import { createCors } from "./transport/cors.ts";
import { createFront } from "./transport/front.ts";
import { createHealthStatus, registerHealth } from "./transport/health.ts";
import { createHttpRoutes, type PlainRoute } from "./transport/http-routes.ts";
import { defaultLimits, type Limits } from "./transport/limits.ts";
import { createOnePort } from "./transport/one-port.ts";
import { processRoutes } from "./transport/process-routes.ts";
import { registerReflection } from "./transport/reflection.ts";
import { createRpcAdapter } from "./transport/rpc-adapter.ts";
import { type Core, wireCore } from "./wire-core.ts";

/** What tests may replace. */
export interface Seams {
  readonly clock: Clock;
  readonly logDestination: { write(line: string): unknown };
  readonly limits: Limits;
}

export interface Service {
  /** Where it listens, such as `http://127.0.0.1:8080`. */
  readonly url: string;
  readonly port: number;
  /** Turns NOT_SERVING, finishes what is in flight within the configured drain, closes everything. */
  close(): Promise<void>;
}

/** Milliseconds that the last answers of a drain have to reach their clients. */
const answerMs = 500;

/** @throws Error where the port cannot be had or the TLS files cannot be read */
export async function startService(configuration: Configuration, seams: Partial<Seams> = {}): Promise<Service> {
  const { clock = Date.now, limits = defaultLimits, logDestination } = seams;
  const { server } = configuration;
  const tls =
    server.tls === undefined ? undefined : { cert: await readFile(server.tls.certificate_file), key: await readFile(server.tls.key_file) };
  const log = createLog({ level: configuration.log.level, ...(logDestination === undefined ? {} : { destination: logDestination }) });
  const metrics = createMetrics();
  const policy = compilePolicy(configuration);
  const core = wireCore(configuration, policy, { clock, log, metrics });
  const health = createHealthStatus();
  const stopping = new AbortController();

  const routes = [
    ...processRoutes({ health, metrics, redis: core.redisStatus }),
    ...exchangeRoutes(configuration, { core, policy, clock }),
  ];
  const rpcs = createRpcAdapter({
    routes: (router) => {
      registerTokenExchange(router, core, clock);
      registerHealth(router, { status: health, services: [contract.name], limits });
      if (server.reflection) registerReflection(router, { services: [contract.service], further: contract.further, limits });
    },
    requestGate: createGate(core.callers, contract.name),
    deadlineMs: server.deadline,
    limits,
    shutdownSignal: stopping.signal,
  });
  const accessLog = createAccessLog(log, metrics);
  const onRequest = createFront({
    hooks: accessLog,
    now: () => performance.now(),
    plain: createHttpRoutes(routes, { deadlineMs: server.deadline, limits, shutdownSignal: stopping.signal }),
    rpcs,
    cors: createCors(policy.origins),
    limits,
    freshId: randomUUID,
  });
  const port = createOnePort({
    onRequest,
    onUnreadable: (status) => accessLog.onUnreadable(status),
    ...(tls === undefined ? {} : { tls }),
    limits,
  });

  async function close(): Promise<void> {
    log.info({}, "stopping");
    health.end();
    // What would be cut off at the end of the drain is answered just before it.
    const lastCall = setTimeout(() => stopping.abort(), Math.max(0, server.drain - answerMs));
    await port.close(server.drain);
    clearTimeout(lastCall);
    await core.close();
    metrics.close();
    log.info({}, "stopped");
  }

  const bound = await port.listen(server.host, server.port).catch(async (error: unknown) => {
    await core.close();
    metrics.close();
    throw error;
  });
  health.set(true);
  const url = `${tls === undefined ? "http" : "https"}://${urlHost(server.host)}:${bound.port}`;
  logStart(configuration, url, log);
  return { url, port: bound.port, close };
}

function exchangeRoutes(configuration: Configuration, parts: { core: Core; policy: Policy; clock: Clock }): readonly PlainRoute[] {
  const { core, policy, clock } = parts;
  return configuration.routes.exchange.map(({ path, client: clientId, provider }) => {
    const client = policy.clients.get(clientId);
    if (client === undefined) throw new Error(`route ${path} names an unknown client`);
    const answer = createExchangeRoute({ callers: core.callers, exchange: core.exchange, clock, client, provider });
    return {
      method: "POST",
      path,
      accepts: "application/json",
      tokenRoute: true,
      handle: async ({ headers, body, call, signal }) => ({
        status: 200,
        headers: { "content-type": "application/json" },
        body: JSON.stringify(await answer({ body, authorization: headers.authorization, call }, signal)),
      }),
    };
  });
}

/** A wildcard address is where one listens, not where one calls; an IPv6 address stands in brackets. */
function urlHost(host: string): string {
  if (host === "0.0.0.0" || host === "::") return "localhost";
  return host.includes(":") ? `[${host}]` : host;
}
