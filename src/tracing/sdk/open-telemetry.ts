// Traces by the OpenTelemetry SDK. Nothing of it is global: each service has its own provider, and its own AsyncLocalStorage to know
// which call a piece of work belongs to. Sending is export-queue.ts and otlp.ts.

import { type Context, createTraceState, ROOT_CONTEXT, type Span, SpanKind, SpanStatusCode, trace, TraceFlags } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { ParentBasedSampler, type SpanProcessor, TraceIdRatioBasedSampler, TracerProvider } from "@opentelemetry/sdk-trace";
import type { Clock } from "../../exchange/ports.ts";
import { failureName } from "../failure-name.ts";
import { type RemoteSpan, writeTraceparent } from "../trace-parent.ts";
import type { Child, ChildBeginning, SpanAttributes, Traces } from "../traces.ts";

export interface OpenTelemetryDeps {
  readonly clock: Clock;
  /** Monotonic, milliseconds. */
  readonly now: () => number;
  readonly processor: SpanProcessor;
}

const kinds = { client: SpanKind.CLIENT, internal: SpanKind.INTERNAL } as const;
const untraced: Child = { traceparent: undefined, add: () => undefined };

/** @param sampleRatio of the traces that begin here, 0 to 1; one that goes on here is sampled where it was sampled before */
export function createOpenTelemetry({ clock, now, processor }: OpenTelemetryDeps, sampleRatio: number): Traces {
  const provider = new TracerProvider({
    sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(sampleRatio) }),
    spanProcessors: [processor],
  });
  const tracer = provider.getTracer("cambio");
  const contexts = new AsyncLocalStorageContextManager();

  async function childOf<T>(parent: Context, { name, kind, attributes }: ChildBeginning, work: (child: Child) => Promise<T>): Promise<T> {
    const [startMs, begun] = [clock(), now()];
    const span = tracer.startSpan(name, { kind: kinds[kind], startTime: instant(startMs), attributes: { ...attributes } }, parent);
    const child: Child = { traceparent: traceparentOf(span), add: (more) => void span.setAttributes({ ...more }) };
    try {
      return await contexts.with(trace.setSpan(parent, span), () => work(child));
    } catch (failure) {
      span.setAttributes({ "error.type": failureName(failure) } satisfies SpanAttributes);
      span.setStatus({ code: SpanStatusCode.ERROR });
      throw failure;
    } finally {
      span.end(instant(startMs + (now() - begun)));
    }
  }

  return {
    call({ name, startMs, remote, trusted }) {
      const told = remote === undefined ? undefined : remoteContext(remote);
      const links = told === undefined || trusted ? [] : [{ context: told }];
      const parent = told === undefined || !trusted ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, told);
      const span = tracer.startSpan(name, { kind: SpanKind.SERVER, startTime: instant(startMs), links }, parent);
      const context = trace.setSpan(ROOT_CONTEXT, span);
      return {
        traceId: span.spanContext().traceId,
        within: (work) => contexts.with(context, work),
        end({ attributes, failed, endMs }) {
          span.setAttributes({ ...attributes });
          if (failed) span.setStatus({ code: SpanStatusCode.ERROR });
          span.end(instant(endMs));
        },
      };
    },
    child(beginning, work) {
      const active = contexts.active();
      const isTraced = beginning.alone === true || trace.getSpan(active) !== undefined;
      return isTraced ? childOf(active, beginning, work) : work(untraced);
    },
  };
}

function remoteContext({ traceId, spanId, sampled, state }: RemoteSpan) {
  const traceFlags = sampled ? TraceFlags.SAMPLED : TraceFlags.NONE;
  const kept = state === "" ? {} : { traceState: createTraceState(state) };
  return { traceId, spanId, traceFlags, isRemote: true, ...kept };
}

function isSampled(traceFlags: number): boolean {
  return (traceFlags & TraceFlags.SAMPLED) !== 0;
}

function traceparentOf(span: Span): string {
  const { traceId, spanId, traceFlags } = span.spanContext();
  return writeTraceparent({ traceId, spanId, sampled: isSampled(traceFlags) });
}

/** Seconds and nanoseconds: a plain number could be taken for one since the process began. */
function instant(epochMs: number): [seconds: number, nanoseconds: number] {
  const seconds = Math.floor(epochMs / 1_000);
  return [seconds, Math.round((epochMs - seconds * 1_000) * 1_000_000)];
}
