// The header `traceparent` (W3C Trace Context §3.2), read strictly and written. Whether what it says is followed is decided in
// transport/call-spans.ts.

export interface RemoteSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly sampled: boolean;
  /** The header `tracestate`; empty: none, or too long to be kept. */
  readonly state: string;
}

/** What every vendor must keep (§3.3.1.5); nobody asks for more. */
const maxStateChars = 512;

// Version 00, the only one there is. Repeated headers come joined by commas and do not fit.
const form = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;
const zeros = /^0+$/;

/** Undefined: there is none, or none that says anything. */
export function readTraceparent(header: unknown, state: unknown): RemoteSpan | undefined {
  const [, traceId = "0", spanId = "0", flags = "0"] = (typeof header === "string" ? form.exec(header) : null) ?? [];
  if (zeros.test(traceId) || zeros.test(spanId)) return undefined;
  const kept = typeof state === "string" && state.length <= maxStateChars ? state : "";
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & 1) === 1, state: kept };
}

export function writeTraceparent({ traceId, spanId, sampled }: Omit<RemoteSpan, "state">): string {
  return `00-${traceId}-${spanId}-${sampled ? "01" : "00"}`;
}
