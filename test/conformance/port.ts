// Cambio's port with the suite's service behind it, put together as src/service.ts does: the same limits, routes, CORS, request ids,
// deadline and errors. Who may call is the suite's to say: everybody, or whoever has a certificate of its authority.

import { randomUUID } from "node:crypto";
import { ExchangeError } from "../../src/exchange/errors.ts";
import { callKey } from "../../src/rpc/call.ts";
import { createMetrics } from "../../src/telemetry/metrics.ts";
import { createCors } from "../../src/transport/cors.ts";
import { createFront } from "../../src/transport/front.ts";
import { createHealthStatus } from "../../src/transport/health.ts";
import { createHttpRoutes } from "../../src/transport/http-routes.ts";
import type { RequestGate } from "../../src/transport/interceptors.ts";
import { defaultLimits } from "../../src/transport/limits.ts";
import { createOnePort, type OnePort, type OnePortOptions } from "../../src/transport/one-port.ts";
import { createOpenBodies } from "../../src/transport/open-bodies.ts";
import { createPeerCertificates } from "../../src/transport/peer-certificate.ts";
import { processRoutes } from "../../src/transport/process-routes.ts";
import { createRpcAdapter } from "../../src/transport/rpc-adapter.ts";
import { conformanceService } from "./messages.ts";
import { createConformance, serviceOptions } from "./service.ts";

export interface ConformancePortOptions {
  readonly messageBytes?: number;
  readonly tls?: NonNullable<OnePortOptions["tls"]>;
}

/** What a configuration has where it says nothing of it. */
const deadlineMs = 15_000;

export function createConformancePort({ messageBytes = defaultLimits.messageBytes, tls }: ConformancePortOptions): OnePort {
  const limits = { ...defaultLimits, messageBytes };
  const bodies = createOpenBodies(limits.bodiesBytes);
  const health = createHealthStatus();
  health.set(true);
  const { implementation, errorFor } = createConformance();
  const certificateOf = createPeerCertificates();
  const routes = processRoutes({ health, metrics: createMetrics(), parts: () => ({}) });
  return createOnePort({
    onRequest: createFront({
      hooks: { onEnd: () => undefined },
      now: () => performance.now(),
      plain: createHttpRoutes(routes, { deadlineMs, limits, bodies }),
      rpcs: createRpcAdapter({
        register: (services) => services.service(conformanceService(), implementation, serviceOptions),
        requestGate: tls?.clientCa === undefined ? () => undefined : demandCertificate,
        deadlineMs,
        limits,
        bodies,
        errorFor,
      }),
      cors: createCors(() => ({ origins: new Set(), credentialOrigins: new Set() })),
      limits,
      freshId: randomUUID,
      peerOf: (req) => ({ address: req.socket?.remoteAddress ?? "", certificate: certificateOf(req) }),
    }),
    limits,
    ...(tls === undefined ? {} : { tls }),
  });
}

/** The port only asks for one; that it holds is seen here, as callers/ does. */
const demandCertificate: RequestGate = (context) => {
  if (context.values.get(callKey)?.certificate?.authorized !== true) throw new ExchangeError("CALLER_UNAUTHENTICATED");
};
