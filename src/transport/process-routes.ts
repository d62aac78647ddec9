// The routes for whoever runs the process: is it alive, does it take work, what has it counted. They carry no token and no name
// of a client, and are open to everyone who reaches the port.

import type { Metrics } from "../telemetry/metrics.ts";
import type { HealthStatus } from "./health.ts";
import type { PlainRoute } from "./http-routes.ts";
import { jsonResponse } from "./plain-response.ts";

export interface ProcessRoutesDeps {
  readonly health: HealthStatus;
  readonly metrics: Metrics;
  /** How the parts are that may be away: `ready`, `away`, or why there is none. */
  readonly parts: () => Readonly<Record<string, string>>;
}

export function processRoutes({ health, metrics, parts }: ProcessRoutesDeps): readonly PlainRoute[] {
  return [
    { method: "GET", path: "/livez", handle: async () => jsonResponse(200, { status: "alive" }) },
    {
      method: "GET",
      path: "/readyz",
      // Ready without Redis or a database too: every replica would leave at once, and known tokens need neither.
      handle: async () =>
        health.serving() ? jsonResponse(200, { status: "ready", ...parts() }) : jsonResponse(503, { status: "stopping", ...parts() }),
    },
    {
      method: "GET",
      path: "/metrics",
      handle: async () => {
        const { contentType, text } = await metrics.expose();
        return { status: 200, headers: { "content-type": contentType }, body: text };
      },
    },
  ];
}
