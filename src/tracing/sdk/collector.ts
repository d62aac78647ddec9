// One request to the collector: spans go out, and how many of them it kept comes back. Whether it takes any is told once per change.

import type { ReadableSpan } from "@opentelemetry/sdk-trace";
import type { Secret } from "../../exchange/secret.ts";
import type { HttpClient } from "../../net/http-client.ts";
import { failureName } from "../failure-name.ts";
import { encodeSpans, rejectedSpans, type Resource } from "./otlp.ts";

export type CollectorState = { readonly kind: "taken" } | { readonly kind: "not_taken"; readonly code: string };

export interface CollectorDeps {
  readonly http: HttpClient;
  readonly onState: (state: CollectorState) => void;
}

export interface CollectorOptions {
  readonly url: string;
  readonly headers: readonly (readonly [name: string, value: Secret])[];
  readonly resource: Resource;
}

export function createCollector({ http, onState }: CollectorDeps, { url, headers, resource }: CollectorOptions) {
  let told: CollectorState["kind"] | undefined;

  function tell(state: CollectorState): void {
    if (state.kind === told) return;
    told = state.kind;
    onState(state);
  }

  async function post(spans: readonly ReadableSpan[], signal: AbortSignal): Promise<Response> {
    const own = Object.fromEntries(headers.map(([name, value]) => [name, value.reveal()]));
    const all = { ...own, "content-type": "application/json" };
    return http.send({ endpoint: "traces", method: "POST", url, headers: all, body: encodeSpans(spans, resource), signal });
  }

  return async function send(spans: readonly ReadableSpan[], signal: AbortSignal): Promise<number> {
    try {
      const response = await post(spans, signal);
      if (!response.ok) {
        tell({ kind: "not_taken", code: String(response.status) });
        return 0;
      }
      tell({ kind: "taken" });
      return Math.max(0, spans.length - rejectedSpans(await response.text()));
    } catch (failure) {
      tell({ kind: "not_taken", code: failureName(failure) });
      return 0;
    }
  };
}
