// What one provider's endpoints have shown lately, for all clients that ask it: circuits, pauses that it asked for, and what may be
// sent a second time. It owns what counts as a failure of the endpoint and who is refused; how is asked stands in http-client.ts.

import type { Clock } from "../exchange/ports.ts";
import { type CircuitBreaker, createCircuitBreaker, type Passage, type Verdict } from "./circuit-breaker.ts";
import type { Endpoint } from "./http-call.ts";
import { createEndpointPause, type EndpointPause, forCallersRequests, forOwnRequests, type PauseRule } from "./endpoint-pause.ts";
import { HttpFailure } from "./http-failure.ts";
import { minRetryAfterMs, retryAfterOf } from "./retry-after.ts";
import { createRetryBudget } from "./retry-budget.ts";

/** For metrics and logs. */
export type GuardEvent =
  | { readonly kind: "opened"; readonly endpoint: Endpoint; readonly failures: number; readonly calls: number }
  | { readonly kind: "closed" | "retried"; readonly endpoint: Endpoint }
  | { readonly kind: "refused"; readonly endpoint: Endpoint; readonly by: "circuit" | "pause" };

export interface Admission {
  /** This one call decides whether others are let through again: nobody may cut it short. */
  readonly probe: boolean;
  /** Exactly once. @param gaveUp whoever asked did not wait for the time limit */
  end(result: Response | HttpFailure, gaveUp: boolean): void;
}

export interface ProviderGuard {
  /** For every call. @throws HttpFailure with the time to wait, where the endpoint is not to be asked now; nothing was sent */
  admit(endpoint: Endpoint): Admission;
  /** Milliseconds to wait before a request is sent once more. Undefined: it is not worth it. */
  pauseBeforeRepeat(endpoint: Endpoint): number | undefined;
  /** For a request that is sent once more now. Undefined: not any longer. */
  repeat(endpoint: Endpoint): Admission | undefined;
  /** Endpoints that were asked so far; true: the circuit is open. */
  circuits(): readonly (readonly [Endpoint, boolean])[];
}

export interface GuardDeps {
  readonly clock: Clock;
  /** 0 to 1. */
  readonly random: () => number;
  readonly onEvent?: (event: GuardEvent) => void;
}

const pauseRules: Readonly<Record<Endpoint, PauseRule>> = {
  traces: forOwnRequests,
  webhook: forOwnRequests,
  discovery: forOwnRequests,
  jwks: forOwnRequests,
  token: forCallersRequests,
  revocation: forCallersRequests,
  introspection: forCallersRequests,
  user: forCallersRequests,
  session: forCallersRequests,
};

/** Longer than a connection takes to be made anew, short within any time limit; what broke together does not come back together. */
const repeatPauseMs = 50;

interface Watched {
  readonly circuit: CircuitBreaker;
  readonly pause: EndpointPause;
}

export function createProviderGuard({ clock, random, onEvent }: GuardDeps): ProviderGuard {
  const endpoints = new Map<Endpoint, Watched>();
  const budget = createRetryBudget(clock);

  function watched(endpoint: Endpoint): Watched {
    const known = endpoints.get(endpoint);
    if (known !== undefined) return known;
    const circuit = createCircuitBreaker({
      clock,
      random,
      onChange: ({ state, failures, calls }) =>
        onEvent?.(state === "open" ? { kind: "opened", endpoint, failures, calls } : { kind: "closed", endpoint }),
    });
    const fresh = { circuit, pause: createEndpointPause(clock, pauseRules[endpoint]) };
    endpoints.set(endpoint, fresh);
    return fresh;
  }

  function admission({ probe, end }: Passage, pause: EndpointPause): Admission {
    return {
      probe,
      end(result, gaveUp) {
        if (!(result instanceof HttpFailure)) pauseAsAsked(result, pause);
        end(verdictOn(result, gaveUp));
      },
    };
  }

  function pauseAsAsked(response: Response, pause: EndpointPause): void {
    const { status } = response;
    if (status !== 429 && status !== 503) return;
    const waitMs = retryAfterOf(response, clock());
    if (waitMs !== undefined) pause.ask(status, waitMs);
  }

  function refuse(endpoint: Endpoint, by: "circuit" | "pause", failure: HttpFailure): never {
    onEvent?.({ kind: "refused", endpoint, by });
    throw failure;
  }

  return {
    admit(endpoint) {
      const { circuit, pause } = watched(endpoint);
      const paused = pause.current();
      if (paused !== undefined) {
        const facts = { sent: false, code: "pause_asked_for", retryAfterMs: Math.max(paused.leftMs, minRetryAfterMs) };
        return refuse(endpoint, "pause", new HttpFailure(paused.status === 429 ? "rate_limited" : "unavailable", facts));
      }
      const passage = circuit.enter();
      if ("retryAfterMs" in passage)
        return refuse(endpoint, "circuit", new HttpFailure("unavailable", { sent: false, code: "circuit_open", ...passage }));
      budget.called();
      return admission(passage, pause);
    },
    pauseBeforeRepeat: (endpoint) => (isWell(watched(endpoint)) && budget.left() ? repeatPauseMs * (0.5 + random()) : undefined),
    repeat(endpoint) {
      const at = watched(endpoint);
      const passage = isWell(at) && budget.spend() ? at.circuit.enter() : undefined;
      if (passage === undefined || "retryAfterMs" in passage) return undefined;
      onEvent?.({ kind: "retried", endpoint });
      return admission(passage, at.pause);
    },
    circuits: () => [...endpoints].map(([endpoint, { circuit }]) => [endpoint, circuit.isOpen()] as const),
  };
}

function isWell({ circuit, pause }: Watched): boolean {
  return !circuit.isOpen() && pause.current() === undefined;
}

/**
 * A failure of the endpoint: no answer, none in our time, one that breaks the protocol, or 5xx. A 4xx is an answer: what was asked
 * was wrong. A caller that gave up says nothing, or a few with tiny deadlines would shut out all others; nor does what was refused here.
 */
function verdictOn(result: Response | HttpFailure, gaveUp: boolean): Verdict {
  if (!(result instanceof HttpFailure)) return result.status >= 500 ? "failed" : "answered";
  if (gaveUp || (result.kind === "invalid" && !result.sent)) return "undecided";
  return "failed";
}
