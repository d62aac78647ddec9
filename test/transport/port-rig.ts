// A whole front on a free port, with a small implementation of the contract behind it whose behaviour the request's `provider` picks.
// Every call's end is kept, so that tests can say what the log would have seen.

import { randomUUID } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";
import { create } from "@bufbuild/protobuf";
import type { HandlerContext } from "@connectrpc/connect";
import { Code, ConnectError } from "@connectrpc/connect";
import { type ExchangeRequest, ExchangeResponseSchema, TokenExchangeService } from "../../gen/cambio/v1/token_exchange_service_pb.ts";
import { ExchangeError } from "../../src/exchange/errors.ts";
import type { Call } from "../../src/rpc/call.ts";
import { createCors } from "../../src/transport/cors.ts";
import { createFront } from "../../src/transport/front.ts";
import { createHealthStatus, registerHealth } from "../../src/transport/health.ts";
import { createHttpRoutes, type PlainRoute } from "../../src/transport/http-routes.ts";
import type { RequestGate } from "../../src/transport/interceptors.ts";
import { defaultLimits, type Limits } from "../../src/transport/limits.ts";
import { createOnePort, type OnePortOptions } from "../../src/transport/one-port.ts";
import { createOpenBodies } from "../../src/transport/open-bodies.ts";
import { registerReflection } from "../../src/transport/reflection.ts";
import { createRpcAdapter } from "../../src/transport/rpc-adapter.ts";
import type { Services } from "../../src/transport/services.ts";
import type { CallEnd } from "../../src/transport/visit.ts";

export const exchangePath = "/cambio.v1.TokenExchangeService/Exchange";
export const page = "https://app.example.com";
/** Stands for anything that a request may carry and no answer may repeat. */
export const canary = "CANARY-7f3a";

export interface Ended extends CallEnd {
  readonly call: Call;
}

export interface RigOptions {
  readonly limits?: Partial<Limits>;
  readonly tls?: NonNullable<OnePortOptions["tls"]>;
  readonly deadlineMs?: number;
  readonly gate?: RequestGate;
  readonly plain?: readonly PlainRoute[];
  readonly shutdownSignal?: AbortSignal;
}

export type PortRig = Awaited<ReturnType<typeof startPort>>;

export async function startPort(options: RigOptions = {}) {
  const limits = { ...defaultLimits, ...options.limits };
  const deadlineMs = options.deadlineMs ?? 5_000;
  const ended: Ended[] = [];
  const unreadable: number[] = [];
  const status = createHealthStatus();
  status.set(true);
  const backend = createBackend();
  const bodies = createOpenBodies(limits.bodiesBytes);
  const rpcs = createRpcAdapter({
    register(services) {
      backend.register(services);
      registerHealth(services, { status, services: [TokenExchangeService.typeName], limits });
      registerReflection(services, { services: [TokenExchangeService], limits });
    },
    requestGate: options.gate ?? (() => undefined),
    deadlineMs,
    limits,
    bodies,
    ...(options.shutdownSignal === undefined ? {} : { shutdownSignal: options.shutdownSignal }),
  });
  const front = createFront({
    rpcs,
    plain: createHttpRoutes(options.plain ?? [], { deadlineMs, limits, bodies }),
    cors: createCors(() => ({ origins: new Set([page]), credentialOrigins: new Set() })),
    limits,
    freshId: randomUUID,
    hooks: { onEnd: (call, end) => void ended.push({ call, ...end }) },
    now: () => performance.now(),
    peerOf: () => ({ address: "127.0.0.1", certificate: undefined }),
  });
  const onePort = createOnePort({
    onRequest: front,
    onUnreadable: (refusedWith) => void unreadable.push(refusedWith),
    limits,
    ...(options.tls === undefined ? {} : { tls: options.tls }),
  });
  const { port } = await onePort.listen("127.0.0.1", 0);
  return {
    port,
    base: `${options.tls === undefined ? "http" : "https"}://localhost:${port}`,
    ended,
    /** Statuses that requests were refused with before they were any. */
    unreadable,
    status,
    backend,
    bodies,
    close: (graceMs = 0) => onePort.close(graceMs),
    /** How the call with this request id ended; waits for socket round trips only. */
    async end(requestId: string): Promise<Ended> {
      for (let i = 0; i < 1_000; i += 1) {
        const found = ended.find((one) => one.call.requestId === requestId);
        if (found !== undefined) return found;
        await wait(5);
      }
      throw new Error("the call did not end");
    },
  };
}

function createBackend() {
  const seen: ExchangeRequest[] = [];
  const released = Promise.withResolvers<void>();
  const settled: string[] = [];

  async function exchange(request: ExchangeRequest, context: HandlerContext) {
    seen.push(request);
    switch (request.provider) {
      case "expired":
        throw new ExchangeError("TOKEN_EXPIRED", { field: "SUBJECT_TOKEN", expiredAt: 1_700_000_000, cause: new Error(canary) });
      case "broken":
        throw new Error(canary);
      case "library":
        throw new ConnectError(canary, Code.NotFound);
      case "deaf":
        await released.promise;
        settled.push("deaf");
        throw new Error("nobody waits for this");
      case "listening":
        await new Promise((_, reject) => context.signal.addEventListener("abort", () => reject(context.signal.reason as Error)));
        break;
      case "held":
        await released.promise;
        break;
      default:
    }
    return create(ExchangeResponseSchema, { tokens: { accessToken: "token for " + request.clientId } });
  }

  return {
    seen,
    settled,
    release: () => released.resolve(),
    register(services: Services): void {
      services.service(TokenExchangeService, { exchange });
    },
  };
}
