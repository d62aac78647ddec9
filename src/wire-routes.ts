// Part of the composition root: the configured HTTP routes that redeem codes, as the port serves them. What a route asks and answers is
// rpc/exchange-route.ts.

import type { Configuration } from "./config/schema.ts";
import type { Clock } from "./exchange/ports.ts";
import type { Entrance } from "./rpc/caller.ts";
import { createExchangeRoute } from "./rpc/exchange-route.ts";
import type { CallSpans } from "./transport/call-spans.ts";
import type { PlainRoute } from "./transport/http-routes.ts";
import type { Core } from "./wire-core.ts";

export interface RouteParts {
  readonly core: Core;
  readonly entrance: Entrance;
  readonly clock: Clock;
  readonly spans: CallSpans | undefined;
}

export function exchangeRoutes(configuration: Configuration, { core, entrance, clock, spans }: RouteParts): readonly PlainRoute[] {
  return configuration.routes.exchange.map(({ path, client: clientId, provider }) => {
    const route = createExchangeRoute({ entrance, exchange: core.operations.exchange, clock, clientId, provider });
    return {
      method: "POST",
      path,
      accepts: "application/json",
      tokenRoute: true,
      gate: ({ headers, repeated, call, signal }) => route.gate({ authorization: headers.authorization, repeated, call }, signal),
      handle: async ({ body, call, signal }) => {
        const work = () => route.handle({ body, call }, signal);
        const answer = await (spans === undefined ? work() : spans.within(call, work));
        return { status: 200, headers: { "content-type": "application/json" }, body: JSON.stringify(answer) };
      },
    };
  });
}
