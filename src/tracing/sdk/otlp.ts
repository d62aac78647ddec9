// Spans in the words of OTLP/HTTP with JSON (opentelemetry-proto, trace.proto): ids in hexadecimal, 64-bit numbers as texts. And
// what a collector answers.

import { type Link, SpanKind, type SpanContext, SpanStatusCode, type TraceFlags } from "@opentelemetry/api";
import type { ReadableSpan } from "@opentelemetry/sdk-trace";

export interface Resource {
  readonly "service.name": string;
  readonly "service.instance.id": string;
}

/** There `internal` is 1; the API counts from 0. */
const kinds: Readonly<Record<SpanKind, number>> = {
  [SpanKind.INTERNAL]: 1,
  [SpanKind.SERVER]: 2,
  [SpanKind.CLIENT]: 3,
  [SpanKind.PRODUCER]: 4,
  [SpanKind.CONSUMER]: 5,
};

/** SPAN_FLAGS_CONTEXT_HAS_IS_REMOTE_MASK and SPAN_FLAGS_CONTEXT_IS_REMOTE_MASK. */
const [knowsRemote, isRemote] = [0x100, 0x200];

/** The body of a request. */
export function encodeSpans(spans: readonly ReadableSpan[], resource: Resource): string {
  const scopeSpans = [{ scope: { name: "cambio" }, spans: spans.map(encodeSpan) }];
  return JSON.stringify({ resourceSpans: [{ resource: { attributes: encodeAttributes(resource) }, scopeSpans }] });
}

/** How many spans of an accepted request the collector did not keep. What cannot be read says nothing of any. */
export function rejectedSpans(answer: string): number {
  try {
    const rejected = Number(memberOf(memberOf(JSON.parse(answer), "partialSuccess"), "rejectedSpans"));
    return Number.isSafeInteger(rejected) && rejected > 0 ? rejected : 0;
  } catch {
    return 0;
  }
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? new Map<string, unknown>(Object.entries(value)).get(name) : undefined;
}

function encodeSpan(span: ReadableSpan): object {
  const { traceId, spanId, traceState } = span.spanContext();
  const parent = span.parentSpanContext;
  return {
    traceId,
    spanId,
    ...(parent === undefined ? {} : { parentSpanId: parent.spanId }),
    ...(traceState === undefined ? {} : { traceState: traceState.serialize() }),
    flags: flagsOf(span.spanContext().traceFlags, parent),
    name: span.name,
    kind: kinds[span.kind],
    startTimeUnixNano: nanoseconds(span.startTime),
    endTimeUnixNano: nanoseconds(span.endTime),
    attributes: encodeAttributes(span.attributes),
    ...(span.links.length === 0 ? {} : { links: span.links.map(encodeLink) }),
    status: span.status.code === SpanStatusCode.UNSET ? {} : { code: span.status.code },
  };
}

/** What is only linked to is a stranger's, and so is its `tracestate`: it stays behind. */
function encodeLink({ context }: Link): object {
  return { traceId: context.traceId, spanId: context.spanId, flags: flagsOf(context.traceFlags, context) };
}

function flagsOf(traceFlags: TraceFlags, other: SpanContext | undefined): number {
  return traceFlags | knowsRemote | (other?.isRemote === true ? isRemote : 0);
}

function nanoseconds([seconds, rest]: readonly [number, number]): string {
  return String(BigInt(seconds) * 1_000_000_000n + BigInt(rest));
}

function encodeAttributes(attributes: object): readonly object[] {
  return Object.entries(attributes).map(([key, value]) => ({ key, value: encodeValue(value) }));
}

/** Of the kinds that attributes may have here; numbers are whole. */
function encodeValue(value: unknown): object {
  if (typeof value === "boolean") return { boolValue: value };
  return typeof value === "number" ? { intValue: String(value) } : { stringValue: String(value) };
}
