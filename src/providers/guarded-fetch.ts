// The shape in which oauth4webapi wants its requests made, over the guarded client.

import type { Endpoint } from "../net/http-call.ts";
import type { HttpClient } from "../net/http-client.ts";

interface FetchInit {
  readonly method: string;
  readonly headers: Record<string, string>;
  readonly body?: URLSearchParams | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What these are sent spends nothing (RFC 7662 §2), so it may be sent once more. */
const onlyAsked: ReadonlySet<Endpoint> = new Set(["introspection"]);

/** @param onSending see HttpCall */
export function guardedFetch(http: HttpClient, endpoint: Endpoint, onSending?: () => void) {
  return (url: string, { method, headers, body, signal }: FetchInit): Promise<Response> =>
    http.send({
      endpoint,
      method: method === "POST" ? "POST" : "GET",
      url,
      headers,
      ...(onlyAsked.has(endpoint) ? { idempotent: true } : {}),
      ...(body === undefined ? {} : { body: body.toString() }),
      ...(signal === undefined ? {} : { signal }),
      ...(onSending === undefined ? {} : { onSending }),
    });
}
