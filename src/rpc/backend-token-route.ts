// GET /api/auth/backend-token: a session, shown by the browser's cookie, becomes a token for a backend. Provider, client and audience
// come from the route's configuration; the request says nothing but whose session it is.

import type { IncomingHttpHeaders } from "node:http";
import type { ExchangeSession } from "../exchange/exchange-session.ts";
import type { Clock } from "../exchange/ports.ts";
import type { Call } from "./call.ts";
import { enter, type Entrance } from "./caller.ts";
import { admitPublic, type ShownToRoute } from "./public-route.ts";
import { sessionInCookie } from "./session-cookie.ts";
import { begunSecondsLeft } from "./token-set.ts";

export interface BackendTokenRouteDeps {
  readonly entrance: Entrance;
  readonly exchangeSession: ExchangeSession;
  readonly clock: Clock;
  /** Id of the browser client that the route serves. */
  readonly clientId: string;
  readonly provider: string;
  /** Configured name. */
  readonly audience: string;
}

export interface BackendTokenAnswer {
  readonly token: string;
  /** Seconds. */
  readonly expiresIn: number;
  readonly userId: string;
}

export interface BackendTokenRoute {
  /** @throws ExchangeError also where a proof was shown, be it good */
  gate(shown: ShownToRoute, signal: AbortSignal): Promise<void>;
  handle(request: { readonly headers: IncomingHttpHeaders; readonly call: Call }, signal: AbortSignal): Promise<BackendTokenAnswer>;
}

export function createBackendTokenRoute(deps: BackendTokenRouteDeps): BackendTokenRoute {
  return {
    gate: (shown, signal) => admitPublic(deps.entrance, shown, signal),

    async handle({ headers, call }, signal) {
      const proofInMessage = call.origin === undefined && isOwnPage(headers["sec-fetch-site"]);
      const { client, trail } = enter(deps.entrance, call, { clientId: deps.clientId, method: "Exchange", proofInMessage });
      const answer = await deps.exchangeSession(
        {
          client,
          provider: deps.provider,
          session: sessionInCookie(client, headers.cookie),
          audiences: [deps.audience],
          scopes: [],
          actorToken: undefined,
          refreshToken: false,
          trail,
        },
        signal,
      );
      const { tokens, subject } = answer;
      return { token: tokens.accessToken.reveal(), expiresIn: begunSecondsLeft(tokens, deps.clock) ?? 0, userId: subject };
    },
  };
}

/**
 * A page of the same origin sends no `Origin` with a GET. Any other may leave it out, too, by asking for an image or a form's answer, but
 * its browser says where it stands; a browser from before 2023 may not, and what has no browser has no cookie but its own.
 */
function isOwnPage(site: string | readonly string[] | undefined): boolean {
  return site === undefined || site === "same-origin" || site === "none";
}
