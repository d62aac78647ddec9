// The writer of the trail: collects records, writes them in batches, and knows whether writing works. Intents wait for their
// batch; everything else is kept until it can be written. What a batch looks like in a file is the sink's business.

import { setImmediate as nextTurn } from "node:timers/promises";
import type { Audit, Clock } from "../exchange/ports.ts";
import { type Batch, createBacklog } from "./backlog.ts";
import { asTrailFailure, auditUnavailable, TrailFailure } from "./failures.ts";
import { entryBody } from "./record.ts";
import type { Sink } from "./sink.ts";

/** For one batch. A healthy disk needs milliseconds; a call must not hang for longer because a disk does. */
export const batchLimitMs = 2_000;
/** For all that waits at the end of the process, which whoever stops it waits for. */
export const closeLimitMs = 5_000;
/**
 * What nobody waits for is gathered for so long: each batch costs a signature, a write and a sync of the disk. An intent takes what has
 * been gathered along at once.
 */
export const usualGatherMs = 25;
/** Between attempts while writing fails. */
export const retryMs = 500;

export type AuditEvent =
  /** Told once, not per attempt: issuing is refused from now on. */
  | { readonly kind: "audit_away"; readonly code: string }
  | { readonly kind: "audit_ready" }
  /** At the end of the process: so many records could not be written, besides those of a write that hangs. */
  | { readonly kind: "audit_lost"; readonly count: number };

export interface AuditOptions {
  readonly sink: Sink;
  readonly clock: Clock;
  readonly onState: (event: AuditEvent) => void;
  /** Milliseconds that what nobody waits for is gathered. Default: `usualGatherMs`. */
  readonly gatherMs?: number | undefined;
}

export interface AuditTrail extends Audit {
  /** `away`: intents are refused at once. */
  readonly status: "ready" | "away";
  /** @throws TrailStartError where the trail cannot be kept as configured */
  open(): Promise<void>;
  /** Writes what waits and the end of the trail, as far as that is possible within `closeLimitMs`. Never rejects. */
  close(): Promise<void>;
}

export function createAudit({ sink, clock, onState, gatherMs = usualGatherMs }: AuditOptions): AuditTrail {
  const backlog = createBacklog();
  let state: "ready" | "away" = "away";
  let closing = false;
  let running: Promise<void> | undefined;
  let retry: NodeJS.Timeout | undefined;
  /** Ends the gathering that is under way. */
  let hurry: (() => void) | undefined;

  function turn(event: Exclude<AuditEvent, { kind: "audit_lost" }>): void {
    const next = event.kind === "audit_ready" ? "ready" : "away";
    if (state === next) return;
    state = next;
    onState(event);
  }

  function away(failure: TrailFailure, batch?: Batch): void {
    turn({ kind: "audit_away", code: failure.code });
    // Whoever waits behind a batch that failed would wait for an unknown time.
    backlog.refuse(auditUnavailable(failure), batch);
  }

  /** True: it is written. */
  async function writeOne(): Promise<boolean> {
    const batch = backlog.take(clock());
    // The write goes on: a disk that hangs takes no second one. If it ends well after all, the batch is in the trail.
    const timer = setTimeout(() => away(new TrailFailure("TIMEOUT", "unknown"), batch), batchLimitMs);
    try {
      await sink.write(batch.bodies);
      backlog.settle(batch);
      turn({ kind: "audit_ready" });
      return true;
    } catch (error) {
      const failure = asTrailFailure(error, "unknown");
      backlog.settle(batch, { failure: auditUnavailable(failure), again: failure.outcome !== "written" });
      away(failure);
      return false;
    } finally {
      clearTimeout(timer);
    }
  }

  async function gather(): Promise<void> {
    if (gatherMs > 0 && !closing && !backlog.isUrgent) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, gatherMs);
      hurry = resolve;
      await promise;
      clearTimeout(timer);
    }
    // All that is called for in one turn of the event loop shares a batch.
    await nextTurn();
  }

  async function run(): Promise<void> {
    let goesOn = true;
    while (goesOn) {
      await gather();
      goesOn = (await writeOne()) && backlog.waiting > 0;
    }
    running = undefined;
    if (state === "away" && !closing) retry = setTimeout(start, retryMs).unref();
  }

  /** What waits is tried once more also where writing has failed so far. A write that hangs is not overtaken. */
  async function finish(): Promise<void> {
    await running;
    if (backlog.waiting > 0) await run();
    try {
      await sink.close();
    } catch (error) {
      away(asTrailFailure(error, "unknown"));
    }
  }

  function start(): void {
    clearTimeout(retry);
    running ??= run();
  }

  return {
    get status() {
      return state;
    },
    async open() {
      await sink.open();
      turn({ kind: "audit_ready" });
    },
    async intend(entry) {
      if (closing) throw auditUnavailable(new TrailFailure("CLOSED", "refused"));
      if (state === "away") throw auditUnavailable(new TrailFailure("AWAY", "refused"));
      const waiter = Promise.withResolvers<void>();
      if (!backlog.add(entryBody(entry, clock()), waiter)) throw auditUnavailable(new TrailFailure("FULL", "refused"));
      start();
      hurry?.();
      await waiter.promise;
    },
    record(entry) {
      backlog.add(entryBody(entry, clock()));
      if (state === "ready" && !closing) start();
      if (backlog.isUrgent) hurry?.();
    },
    async close() {
      if (closing) return;
      closing = true;
      hurry?.();
      clearTimeout(retry);
      await within(closeLimitMs, finish());
      const lost = backlog.waiting;
      if (lost > 0) onState({ kind: "audit_lost", count: lost });
      state = "away";
    },
  };
}

/** Waits for it, but not longer. */
async function within(limitMs: number, work: Promise<void>): Promise<void> {
  const limit = Promise.withResolvers<void>();
  const timer = setTimeout(limit.resolve, limitMs);
  try {
    await Promise.race([work, limit.promise]);
  } finally {
    clearTimeout(timer);
  }
}
