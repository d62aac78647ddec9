// An endpoint that asked to be left alone is left alone, for all callers, within a bound. Which answers ask for that, and what a
// caller is told meanwhile, is provider-guard.ts.

import type { Clock } from "../exchange/ports.ts";
import { elapsedSince } from "./elapsed.ts";

/** The statuses that may carry a wait: too many requests (RFC 6585 §4), not available (RFC 9110 §15.6.4). */
export type PausingStatus = 429 | 503;

export interface PauseRule {
  readonly longestMs: number;
  /** After a pause nothing pauses the endpoint again for as long as the pause was. */
  readonly fair: boolean;
}

/** Requests that carry nothing of a caller's: a limit that they meet is about this service, and nobody else can bring it about. */
export const forOwnRequests: PauseRule = { longestMs: 300_000, fair: false };

/**
 * Requests with something of a caller's in them. Some providers limit by user, by code or by token: a 429 to one caller's junk says
 * little about the others, and must not shut them out. So a pause is short, and is followed by a time as long in which every caller is
 * let through and hears the provider's own answer: whoever comes back when he was told is let through, whatever others send meanwhile,
 * and whatever a hostile provider asks for.
 */
export const forCallersRequests: PauseRule = { longestMs: 10_000, fair: true };

export interface EndpointPause {
  ask(status: PausingStatus, waitMs: number): void;
  /** Undefined: there is none now. */
  current(): { readonly status: PausingStatus; readonly leftMs: number } | undefined;
}

export function createEndpointPause(clock: Clock, rule: PauseRule): EndpointPause {
  let last: { readonly status: PausingStatus; readonly sinceMs: number; readonly lengthMs: number } | undefined;

  return {
    ask(status, waitMs) {
      // Answers to what was under way already: they make the pause no longer.
      const spared = last === undefined ? 0 : last.lengthMs * (rule.fair ? 2 : 1);
      if (last !== undefined && elapsedSince(clock, last.sinceMs) < spared) return;
      last = { status, sinceMs: clock(), lengthMs: Math.min(waitMs, rule.longestMs) };
    },
    current() {
      const leftMs = last === undefined ? 0 : last.lengthMs - elapsedSince(clock, last.sinceMs);
      return last === undefined || leftMs <= 0 ? undefined : { status: last.status, leftMs };
    },
  };
}
