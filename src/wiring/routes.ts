// Part of the composition root: the configured HTTP routes that redeem codes and that turn sessions into tokens, as the port serves them.
// What a route asks and answers is rpc/exchange-route.ts and rpc/backend-token-route.ts.

import type { Configuration } from "../config/schema.ts";
import type { Clock } from "../exchange/ports.ts";
import type { Entrance } from "../rpc/caller.ts";
import { createBackendTokenRoute } from "../rpc/backend-token-route.ts";
import { createExchangeRoute } from "../rpc/exchange-route.ts";
import type { CallSpans } from "../transport/call-spans.ts";
import type { PlainRoute } from "../transport/http-routes.ts";
import { jsonResponse } from "../transport/plain-response.ts";
import type { Core } from "./core.ts";

export interface RouteParts {
  readonly core: Core;
  readonly entrance: Entrance;
  readonly clock: Clock;
  readonly spans: CallSpans | undefined;
}

export function tokenRoutes(configuration: Configuration, parts: RouteParts): readonly PlainRoute[] {
  return [...exchangeRoutes(configuration, parts), ...backendTokenRoutes(configuration, parts)];
}

function exchangeRoutes(configuration: Configuration, { core, entrance, clock, spans }: RouteParts): readonly PlainRoute[] {
  return configuration.routes.exchange.map(({ path, client: clientId, provider }) => {
    const route = createExchangeRoute({ entrance, exchange: core.operations.exchange, clock, clientId, provider });
    return {
      method: "POST",
      path,
      accepts: "application/json",
      surface: "token",
      gate: ({ headers, repeated, call, signal }) => route.gate({ authorization: headers.authorization, repeated, call }, signal),
      handle: async ({ body, call, signal }) => {
        const work = () => route.handle({ body, call }, signal);
        const answer = await (spans === undefined ? work() : spans.within(call, work));
        return { status: 200, headers: { "content-type": "application/json" }, body: JSON.stringify(answer) };
      },
    };
  });
}

/** No other page may take the answer for an image or a script of its own. */
const forItsOwnPageOnly = { "x-content-type-options": "nosniff", "cross-origin-resource-policy": "same-origin" } as const;

function backendTokenRoutes(configuration: Configuration, { core, entrance, clock, spans }: RouteParts): readonly PlainRoute[] {
  return configuration.routes.backend_token.map(({ path, client: clientId, provider, audience }) => {
    const { exchangeSession } = core.operations;
    const route = createBackendTokenRoute({ entrance, exchangeSession, clock, clientId, provider, audience });
    return {
      method: "GET",
      path,
      surface: "session",
      gate: ({ headers, repeated, call, signal }) => route.gate({ authorization: headers.authorization, repeated, call }, signal),
      handle: async ({ headers, call, signal }) => {
        const work = () => route.handle({ headers, call }, signal);
        return jsonResponse(200, await (spans === undefined ? work() : spans.within(call, work)), forItsOwnPageOnly);
      },
    };
  });
}
