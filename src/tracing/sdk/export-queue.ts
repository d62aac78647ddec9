// Spans on their way out: gathered, sent in batches one after the other, and dropped where there are too many or the collector does
// not take them. No call waits for any of it, and nothing is sent twice: a trace is worth less than what it would take.

import { TraceFlags } from "@opentelemetry/api";
import type { ReadableSpan, SpanProcessor } from "@opentelemetry/sdk-trace";

/** A second or two of a busy replica, and some 20 MB at most. */
const maxWaiting = 8_192;
/** Some 300 KiB in one request, and some milliseconds to write it. */
const maxBatch = 512;
/** Milliseconds that the first of a batch waits for others. */
const gatherMs = 1_000;

export interface ExportQueueDeps {
  /** Never throws. @returns how many of them were kept */
  readonly send: (spans: readonly ReadableSpan[], signal: AbortSignal) => Promise<number>;
  readonly onSent: (counts: { readonly exported: number; readonly dropped: number }) => void;
}

export interface ExportQueue extends SpanProcessor {
  /** Sends what waits, for no longer than this many milliseconds; what is left is dropped, and counted. */
  close(limitMs: number): Promise<void>;
}

export function createExportQueue({ send, onSent }: ExportQueueDeps): ExportQueue {
  let waiting: ReadableSpan[] = [];
  let sending: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;
  const closing = new AbortController();

  /** Until less than a batch waits; all of it, once this closes. */
  async function sendAll(): Promise<void> {
    do {
      const batch = waiting.slice(0, maxBatch);
      waiting = waiting.slice(maxBatch);
      const exported = closing.signal.aborted ? 0 : await send(batch, closing.signal);
      onSent({ exported, dropped: batch.length - exported });
    } while (waiting.length >= maxBatch);
  }

  function flush(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    if (sending !== undefined || waiting.length === 0) return sending ?? Promise.resolve();
    sending = sendAll().finally(() => {
      sending = undefined;
      if (waiting.length > 0) gather();
    });
    return sending;
  }

  function gather(): void {
    timer ??= setTimeout(() => void flush(), gatherMs).unref();
  }

  async function sendRest(): Promise<void> {
    while (sending !== undefined || waiting.length > 0) await flush();
  }

  return {
    onStart: () => undefined,
    onEnd(span) {
      if ((span.spanContext().traceFlags & TraceFlags.SAMPLED) === 0) return;
      if (waiting.length >= maxWaiting || closing.signal.aborted) return onSent({ exported: 0, dropped: 1 });
      waiting.push(span);
      if (waiting.length >= maxBatch && sending === undefined) void flush();
      else gather();
    },
    async close(limitMs) {
      const limit = setTimeout(() => closing.abort(), limitMs);
      await sendRest();
      closing.abort();
      clearTimeout(limit);
      clearTimeout(timer);
    },
    forceFlush: sendRest,
    shutdown: () => Promise.resolve(),
  };
}
