// Whether one endpoint is worth asking. After enough failures it is not, for a pause; then one call that came anyway is let
// through, and its outcome decides: closed again, or another, longer pause. What counts as a failure is provider-guard.ts.

import type { Clock } from "../exchange/ports.ts";
import { elapsedSince } from "./elapsed.ts";
import { createRecentCount } from "./recent-count.ts";
import { minRetryAfterMs } from "./retry-after.ts";

/** Calls that end together are seen together: twice the time limit of a provider, which is how long a hanging one takes to fail. */
const windowMs = 20_000;
/** Fewer prove nothing, and cost no more than as many callers their wait. */
const leastFailures = 10;
/**
 * An endpoint of which a part still works is worth more asked than not. And whoever can make a provider answer 500 by what he sends
 * needs four times the calls of everybody else to shut them out.
 */
const leastShare = 0.8;
/** A restart of a provider, or of the proxy in front of it, is over after about this. */
const firstPauseMs = 1_000;
/** A provider that is back is noticed after no more than this; one call in this time is no load to one that is not. */
export const longestPauseMs = 30_000;

/** undecided: it says nothing about the endpoint, such as a caller that gave up. */
export type Verdict = "answered" | "failed" | "undecided";

export interface Passage {
  /** The one call on which it depends whether the others are let through again. */
  readonly probe: boolean;
  /** Exactly once. */
  readonly end: (verdict: Verdict) => void;
}

export interface CircuitChange {
  readonly state: "open" | "closed";
  /** In the window in which it opened. */
  readonly failures: number;
  readonly calls: number;
}

export interface CircuitBreaker {
  /** Milliseconds to wait, where the endpoint is not to be asked. */
  enter(): Passage | { readonly retryAfterMs: number };
  isOpen(): boolean;
}

export interface CircuitDeps {
  readonly clock: Clock;
  /** 0 to 1, spreads the probes of replicas. */
  readonly random: () => number;
  /** Once per change: a pause after a failed probe is none. */
  readonly onChange: (change: CircuitChange) => void;
}

interface OpenCircuit {
  sinceMs: number;
  pauseMs: number;
  probing: boolean;
}

export function createCircuitBreaker({ clock, random, onChange }: CircuitDeps): CircuitBreaker {
  const failures = createRecentCount(clock, windowMs);
  const answers = createRecentCount(clock, windowMs);
  let open: OpenCircuit | undefined;
  let pauses = 0;
  let closedAtMs: number | undefined;
  // Calls that were let through before a change say nothing about what is after it: hundreds may time out at once just then.
  let era = 0;

  function pause(): OpenCircuit {
    const pauseMs = Math.min(firstPauseMs * 2 ** Math.min(pauses, 20), longestPauseMs);
    pauses += 1;
    // Whole milliseconds: it is said on wires that know no others.
    return { sinceMs: clock(), pauseMs: Math.ceil(pauseMs * (0.5 + random() / 2)), probing: false };
  }

  function change(state: CircuitChange["state"]): void {
    const counted = failures.total();
    const told = { state, failures: counted, calls: counted + answers.total() };
    era += 1;
    failures.clear();
    answers.clear();
    onChange(told);
  }

  function endUsual(verdict: Verdict, begunIn: number): void {
    if (begunIn !== era || verdict === "undecided") return;
    if (verdict === "answered") return answers.add();
    failures.add();
    const failed = failures.total();
    if (failed < leastFailures || failed < leastShare * (failed + answers.total())) return;
    // One that comes and goes is not asked anew every second.
    if (closedAtMs === undefined || elapsedSince(clock, closedAtMs) > longestPauseMs) pauses = 0;
    open = pause();
    change("open");
  }

  function endProbe(probed: OpenCircuit, verdict: Verdict): void {
    probed.probing = false;
    if (verdict === "failed") open = pause();
    if (verdict !== "answered") return;
    open = undefined;
    closedAtMs = clock();
    change("closed");
  }

  return {
    enter() {
      const begunIn = era;
      if (open === undefined) return { probe: false, end: (verdict) => endUsual(verdict, begunIn) };
      const leftMs = open.pauseMs - elapsedSince(clock, open.sinceMs);
      if (leftMs > 0 || open.probing) return { retryAfterMs: Math.max(leftMs, minRetryAfterMs) };
      const probed = open;
      probed.probing = true;
      return { probe: true, end: (verdict) => endProbe(probed, verdict) };
    },
    isOpen: () => open !== undefined,
  };
}
