// The composition root: with wiring/ the only place that knows all the parts. Here the core meets the port,
// and both are started and stopped in order. It decides nothing about a request.

import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { Configuration } from "./config/schema.ts";
import type { Clock } from "./exchange/ports.ts";
import { createGate, type Entrance } from "./rpc/caller.ts";
import { contract, implementTokenExchange } from "./rpc/register.ts";
import { logStart } from "./start-log.ts";
import { createLog } from "./telemetry/log.ts";
import { createMetrics, type Metrics } from "./telemetry/metrics.ts";
import { createAccessLog } from "./transport/access-log.ts";
import { createAuditLog } from "./transport/audit-log.ts";
import { type CallSpans, createCallSpans } from "./transport/call-spans.ts";
import { createClientAddress } from "./transport/client-address.ts";
import { createCors } from "./transport/cors.ts";
import { createFront, type Peer } from "./transport/front.ts";
import { createHealthStatus, registerHealth } from "./transport/health.ts";
import { createHttpRoutes } from "./transport/http-routes.ts";
import { createLeaving } from "./transport/leaving.ts";
import { defaultLimits, type Limits } from "./transport/limits.ts";
import { createOnePort, type PortRequest } from "./transport/one-port.ts";
import { keySetRoute } from "./transport/key-set-route.ts";
import { createOpenBodies } from "./transport/open-bodies.ts";
import { createPeerCertificates } from "./transport/peer-certificate.ts";
import { createPlaces } from "./transport/places.ts";
import { processRoutes } from "./transport/process-routes.ts";
import { createRefusalCounts } from "./transport/refusal-counts.ts";
import { registerReflection } from "./transport/reflection.ts";
import { createRpcAdapter } from "./transport/rpc-adapter.ts";
import type { Hooks } from "./transport/visit.ts";
import type { OnRefreshStep } from "./vault/refresh-steps.ts";
import { type TrailWriter, wireAudit } from "./wiring/audit.ts";
import { wireCore } from "./wiring/core.ts";
import { keysOf } from "./wiring/parts.ts";
import { tokenRoutes } from "./wiring/routes.ts";
import { wireTraces } from "./wiring/traces.ts";
import { createReload } from "./reload.ts";

/** What tests may replace. */
export interface Seams {
  readonly clock: Clock;
  readonly logDestination: { write(line: string): unknown };
  /** Where the audit trail goes if no file is configured. Default: where the log goes. */
  readonly auditDestination: { write(line: string): unknown };
  /** Milliseconds that audit records nobody waits for are gathered; 0: each is written at once. */
  readonly auditGatherMs: number;
  readonly limits: Limits;
  /** Told how far each refresh of a kept token has come. */
  readonly onRefreshStep: OnRefreshStep;
  /** What it is to know of the others, where several processes share the port. */
  readonly worker: Worker;
}

export interface Worker extends TrailWriter {
  /** It says for all what there is to say of the configuration at start. */
  readonly isFirst: boolean;
  /** @param own this process's numbers. @returns what /metrics answers with: those of all */
  readonly exposeAll: (own: Metrics["expose"]) => Metrics["expose"];
}

export interface Service {
  /** Where it listens, such as `http://127.0.0.1:8080`. */
  readonly url: string;
  readonly port: number;
  /** Takes up what `read` gives. What is wrong with it is logged, and the service goes on as it was. */
  reload(read: () => Configuration): void;
  /** Others take its place: from now on it asks for connections to be given up, and still answers whatever is asked. */
  leave(): void;
  /** Turns NOT_SERVING, finishes what is in flight within the configured drain, closes everything. */
  close(): Promise<void>;
}

/** Milliseconds that the last answers of a drain have to reach their clients. */
const answerMs = 500;

/** Milliseconds that the last spans have, where the drain leaves them: a collector that hangs must not hold up a stop. */
const lastSpansMs = 5_000;

const now = (): number => performance.now();

/** @throws Error where the port cannot be had, or the TLS files, the database, its signing keys or the audit file cannot be used */
export async function startService(configuration: Configuration, seams: Partial<Seams> = {}): Promise<Service> {
  const { clock = Date.now, limits = defaultLimits, logDestination, auditDestination = logDestination ?? process.stdout } = seams;
  const { onRefreshStep, worker } = seams;
  const { server } = configuration;
  const tls = await readTls(server.tls);
  const destination = logDestination === undefined ? {} : { destination: logDestination };
  const log = createLog({ level: configuration.log.level, worker: worker?.number, ...destination });
  const metrics = createMetrics();
  const parts = new AsyncDisposableStack();
  parts.defer(() => metrics.close());
  let stopBy = Infinity;
  try {
    const wired = await wireTraces(configuration.traces, { clock, now, log, metrics });
    // What is left of the drain, and in any case the time that the last answers have.
    parts.defer(() => wired?.close(Math.max(answerMs, Math.min(stopBy - now(), lastSpansMs))));
    const traces = wired?.traces;
    const spans = traces === undefined ? undefined : createCallSpans({ traces, clock, now });
    const keys = keysOf(configuration);
    const recorder = await wireAudit(configuration, {
      clock,
      log,
      keys,
      destination: auditDestination,
      worker,
      gatherMs: seams.auditGatherMs,
    });
    parts.defer(() => recorder.close());
    const core = await wireCore(configuration, { clock, log, metrics, audit: recorder.audit, keys, traces }, onRefreshStep);
    parts.defer(() => core.close());
    const statusOfParts = () => ({ ...core.storage.status(), audit: recorder.status() });
    metrics.watchParts(statusOfParts);
    const exposed = worker === undefined ? metrics : { ...metrics, expose: worker.exposeAll(() => metrics.expose()) };
    const health = createHealthStatus();
    const stopping = new AbortController();
    const accessLog = createAccessLog(log, metrics);
    const bodies = createOpenBodies(limits.bodiesBytes);
    const refusals = createRefusalCounts({ audit: recorder.audit, log, after: (ms, work) => void setTimeout(work, ms).unref() });
    parts.defer(() => refusals.close());
    const entrance: Entrance = {
      callers: () => core.current().callers,
      limits: core.limiting.callers,
      takePlace: core.limiting.takePlace,
      recorder,
    };
    const leaving = createLeaving();
    const port = createOnePort({
      onRequest: createFront({
        hooks: together(
          spans,
          leaving.hooks,
          accessLog,
          createAuditLog(recorder.audit),
          refusals,
          createPlaces(core.limiting.countUnproven),
        ),
        now,
        plain: createHttpRoutes(
          [
            ...processRoutes({ health, metrics: exposed, parts: statusOfParts }),
            keySetRoute(() => core.storage.signing.publicKeys()),
            ...tokenRoutes(configuration, { core, entrance, clock, spans }),
          ],
          { deadlineMs: server.deadline, limits, bodies, shutdownSignal: stopping.signal },
        ),
        rpcs: createRpcAdapter({
          register: (services) => {
            const handleLifeMs = handleLifeOf(configuration);
            services.service(contract.service, implementTokenExchange({ ...core.operations, entrance, clock, handleLifeMs }));
            registerHealth(services, { status: health, services: [contract.name], limits });
            if (server.reflection) registerReflection(services, { services: [contract.service], further: contract.further, limits });
          },
          requestGate: createGate(entrance, contract.name),
          around: spans?.within,
          deadlineMs: server.deadline,
          limits,
          bodies,
          shutdownSignal: stopping.signal,
        }),
        cors: createCors(() => core.current().policy),
        limits,
        freshId: randomUUID,
        peerOf: createPeer(server.trusted_proxies),
      }),
      onUnreadable: (status) => accessLog.onUnreadable(status),
      ...(tls === undefined ? {} : { tls }),
      limits,
    });
    const bound = await port.listen(server.host, server.port);
    health.set(true);
    const url = `${tls === undefined ? "http" : "https"}://${urlHost(server.host)}:${bound.port}`;
    if (worker?.isFirst !== false) logStart(configuration, url, log);
    const running = parts.move();
    return {
      url,
      port: bound.port,
      reload: createReload(core, log),
      leave: () => leaving.begin(),
      async close() {
        log.info({}, "stopping");
        stopBy = now() + server.drain;
        health.end();
        // What would be cut off at the end of the drain is answered just before it.
        const lastCall = setTimeout(() => stopping.abort(), Math.max(0, server.drain - answerMs));
        await port.close(server.drain);
        clearTimeout(lastCall);
        await running.disposeAsync();
        log.info({}, "stopped");
      },
    };
  } catch (failure) {
    await parts.disposeAsync();
    throw failure;
  }
}

/** Without a database handles last as long as their key; a browser forgets the cookie after this. */
const sealedHandleLifeMs = 30 * 24 * 3_600_000;

function handleLifeOf({ database }: Configuration): number {
  return database?.handle_idle ?? sealedHandleLifeMs;
}

async function readTls(tls: Configuration["server"]["tls"]) {
  if (tls === undefined) return undefined;
  const { certificate_file: certificate, key_file: key, client_ca_file: clientCa } = tls;
  return {
    cert: await readFile(certificate),
    key: await readFile(key),
    ...(clientCa === undefined ? {} : { clientCa: await readFile(clientCa) }),
  };
}

/** Who is at the other end: by the connection, and by what trusted proxies say of it. */
function createPeer(trustedProxies: readonly string[]): (req: PortRequest) => Peer {
  const addressOf = createClientAddress(trustedProxies);
  const certificateOf = createPeerCertificates();
  return (req) => {
    const forwarded = req.headers["x-forwarded-for"];
    return {
      address: addressOf(req.socket?.remoteAddress, Array.isArray(forwarded) ? forwarded.join(",") : forwarded),
      certificate: certificateOf(req),
    };
  };
}

/** Spans come first: the log line names the trace. */
function together(spans: CallSpans | undefined, ...all: readonly Hooks[]): Hooks {
  return {
    onBegin(visit) {
      spans?.onBegin(visit);
      for (const hooks of all) hooks.onBegin?.(visit);
    },
    onEnd(call, end) {
      spans?.onEnd(call, end);
      for (const hooks of all) hooks.onEnd(call, end);
    },
  };
}

/** A wildcard address is where one listens, not where one calls; an IPv6 address stands in brackets. */
function urlHost(host: string): string {
  if (host === "0.0.0.0" || host === "::") return "localhost";
  return host.includes(":") ? `[${host}]` : host;
}
