// POST /api/auth/exchange: the Exchange operation for a page that speaks plain JSON (RFC 6749 §4.1.3 in spirit). Provider and
// client come from the route's configuration; the body carries code, verifier and redirect URI, and nothing else that counts.

import { ExchangeError, malformed } from "../exchange/errors.ts";
import type { Exchange } from "../exchange/exchange.ts";
import { isVerifier } from "../exchange/pkce.ts";
import type { Clock } from "../exchange/ports.ts";
import { Secret } from "../exchange/secret.ts";
import type { Call } from "./call.ts";
import { enter, type Entrance } from "./caller.ts";
import { admitPublic, type ShownToRoute } from "./public-route.ts";
import { bounds, printable, visible } from "./rules.ts";
import { begunSecondsLeft, secondsLeft } from "./token-set.ts";

export interface ExchangeRouteDeps {
  readonly entrance: Entrance;
  readonly exchange: Exchange;
  readonly clock: Clock;
  /** Id of the public client that the route serves. */
  readonly clientId: string;
  readonly provider: string;
}

/** The answer of RFC 6749 §5.1. The page asked for an access token; an ID token is for those who call the RPC. */
export interface ExchangeRouteAnswer {
  readonly access_token: string;
  readonly token_type: string;
  readonly expires_in?: number;
  readonly refresh_token?: string;
}

export interface ExchangeRouteRequest {
  readonly body: string;
  readonly call: Call;
}

export interface ExchangeRoute {
  /**
   * Decides before a byte of the body is read, as for RPCs.
   * @throws ExchangeError also where a proof was shown, be it good
   */
  gate(shown: ShownToRoute, signal: AbortSignal): Promise<void>;
  handle(request: ExchangeRouteRequest, signal: AbortSignal): Promise<ExchangeRouteAnswer>;
}

export function createExchangeRoute(deps: ExchangeRouteDeps): ExchangeRoute {
  return {
    gate: (shown, signal) => admitPublic(deps.entrance, shown, signal),

    async handle({ body, call }, signal) {
      const { client, trail } = enter(deps.entrance, call, { clientId: deps.clientId, method: "Exchange" });
      trail.note({ provider: deps.provider });
      const asked = decode(body);
      const question = { client, provider: deps.provider, ...asked, nonce: "", issuer: "", audiences: [], trail };
      const { tokens, issuance } = await deps.exchange(question, signal);
      const expiresIn = (issuance === "MINTED" ? begunSecondsLeft : secondsLeft)(tokens, deps.clock);
      return {
        access_token: tokens.accessToken.reveal(),
        token_type: tokens.tokenType,
        ...(expiresIn === undefined ? {} : { expires_in: expiresIn }),
        ...(tokens.refreshToken === undefined ? {} : { refresh_token: tokens.refreshToken.reveal() }),
      };
    },
  };
}

const members: ReadonlySet<string> = new Set(["code", "code_verifier", "redirect_uri", "state"]);

function decode(body: string) {
  const fields = object(body);
  if (![...fields.keys()].every((name) => members.has(name))) throw malformed("body");
  const text = (name: string): string => {
    const value = fields.get(name);
    if (typeof value !== "string" || value === "") throw malformed(name);
    return value;
  };
  return {
    code: grantSecret(text("code")),
    redirectUri: visible(text("redirect_uri"), bounds.uri, "redirect_uri"),
    codeVerifier: grantVerifier(text("code_verifier")),
    state: fields.has("state") ? printable(text("state"), bounds.opaque, "state") : "",
  };
}

function object(body: string): ReadonlyMap<string, unknown> {
  try {
    const value: unknown = JSON.parse(body);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return new Map(Object.entries(value));
  } catch {
    // The parser's message quotes the body.
  }
  throw malformed("body");
}

// A provider answers `invalid_grant` to a code or verifier that cannot be right, whatever is wrong with its form; so does this route.
function grantSecret(code: string): Secret {
  if (code.length > bounds.code || !/^[\x20-\x7e]+$/.test(code)) throw new ExchangeError("GRANT_INVALID");
  return new Secret(code);
}

function grantVerifier(verifier: string): Secret {
  if (!isVerifier(verifier)) throw new ExchangeError("GRANT_INVALID");
  return new Secret(verifier);
}
