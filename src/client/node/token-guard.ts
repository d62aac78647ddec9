// A service's guard: one connection to Cambio, one memory of its answers, and requirements made from it for every kind of server.

import type { Interceptor, Transport } from "@connectrpc/connect";
import { connectTo, createAskCambio, type Credentials } from "./ask-cambio.ts";
import { readBearer } from "./bearer.ts";
import { createConnectGuard } from "./connect-guard.ts";
import { type Decision, malformed, missing, repeated } from "./decision.ts";
import {
  type Check,
  createFastifyHook,
  createFetchGuard,
  createMiddleware,
  type FastifyHook,
  type HttpGuardDeps,
  type Middleware,
} from "./http-guard.ts";
import { answerTo } from "./refusal.ts";
import { createUpgradeGuard, type UpgradeGuard } from "./upgrade-guard.ts";
import { createValidate } from "./validate.ts";

export interface TokenGuardOptions {
  /** Cambio's address, for Connect over HTTP/1.1; or a transport of Connect's, for gRPC and whatever else. */
  readonly cambio: string | Transport;
  /** This service's own, as Cambio is configured with them. Left out: the transport proves it, by a certificate for instance. */
  readonly credentials?: Credentials;
  /** Configured name of the audience where a requirement names none. Default: this service's first one. */
  readonly audience?: string;
  /** How many valid tokens are remembered; the longest unused goes first. Default: 10,000. */
  readonly maxEntries?: number;
  /** Milliseconds for a question to Cambio. Default: 2,000. */
  readonly timeoutMs?: number;
  /** Told why a request could not be decided, for logs: Cambio away, or this service not allowed to ask. Never told of tokens. */
  readonly onUndecided?: (reason: string) => void;
  /** The wall clock: epoch milliseconds. */
  readonly now?: () => number;
}

export interface Requirement {
  /** Configured name of the audience that the token must be for. */
  readonly audience?: string;
  /** All of them must be in the token. */
  readonly scopes?: readonly string[];
  /** Configured name of the provider; needed for opaque tokens. */
  readonly provider?: string;
}

/** One requirement, for each kind of server. */
export interface RequiredToken {
  /** Claims: `request.auth`, or typed `claimsOf(request)`. */
  readonly express: Middleware;
  /** For `onRequest` or `preHandler`. Claims: `request.auth`, or typed `claimsOf(request)`. */
  readonly fastify: FastifyHook;
  /** Claims: the handler's second argument. */
  readonly fetch: ReturnType<typeof createFetchGuard>;
  /** For a server's `upgrade` event, with the token as subprotocol `bearer.TOKEN`. Claims: its result, or typed `claimsOf(request)`. */
  readonly upgrade: UpgradeGuard;
  /** An interceptor of a server. Claims: `context.values.get(tokenClaims)`. */
  readonly connect: Interceptor;
  /** For every other kind, with all `authorization` headers of the request. */
  readonly check: Check;
}

export interface TokenGuard {
  /** @throws TypeError for a scope that no token can have (RFC 6749 §3.3) */
  requireToken(requirement?: Requirement): RequiredToken;
  /** Ends idle connections that the guard made itself. */
  close(): void;
}

export function createTokenGuard(options: TokenGuardOptions): TokenGuard {
  const { cambio, credentials, maxEntries = 10_000, timeoutMs = 2_000, now = Date.now, onUndecided } = options;
  const connection = typeof cambio === "string" ? connectTo(cambio) : { transport: cambio, close: () => undefined };
  const validate = createValidate({ ask: createAskCambio(connection.transport, credentials, timeoutMs), now }, maxEntries);

  return {
    requireToken({ audience = options.audience ?? "", scopes: given = [], provider = "" } = {}) {
      const scopes = checkedScopes(given);

      async function decide(headers: readonly string[]): Promise<Decision> {
        const shown = readBearer(headers);
        switch (shown.kind) {
          case "none":
            return missing;
          case "repeated":
            return repeated;
          case "malformed":
            return malformed;
          case "token":
            return validate({ token: shown.token, audience, provider, scopes });
        }
      }

      async function check(headers: readonly string[]): Promise<Decision> {
        const decision = await decide(headers);
        if (decision.kind === "undecided") onUndecided?.(decision.reason);
        return decision;
      }

      const deps: HttpGuardDeps = { check, answer: (refusal) => answerTo(refusal, scopes) };
      return {
        express: createMiddleware(deps),
        fastify: createFastifyHook(deps),
        fetch: createFetchGuard(deps),
        upgrade: createUpgradeGuard(deps),
        connect: createConnectGuard(check, scopes),
        check,
      };
    },
    close: () => connection.close(),
  };
}

/** They stand between quotes in a header. */
function checkedScopes(scopes: readonly string[]): readonly string[] {
  const wrong = scopes.find((scope) => !/^[\x21\x23-\x5b\x5d-\x7e]{1,128}$/.test(scope));
  if (wrong !== undefined || scopes.length > 64) throw new TypeError("These are no scopes (RFC 6749 section 3.3), or more than 64.");
  return [...scopes];
}
