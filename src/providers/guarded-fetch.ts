// The shape in which oauth4webapi wants its requests made, over the guarded client.

import type { Endpoint } from "../net/http-call.ts";
import type { HttpClient } from "../net/http-client.ts";

interface FetchInit {
  readonly method: string;
  readonly headers: Record<string, string>;
  readonly body?: URLSearchParams | undefined;
  readonly signal?: AbortSignal | undefined;
}

export function guardedFetch(http: HttpClient, endpoint: Endpoint) {
  return (url: string, { method, headers, body, signal }: FetchInit): Promise<Response> =>
    http.send({
      endpoint,
      method: method === "POST" ? "POST" : "GET",
      url,
      headers,
      ...(body === undefined ? {} : { body: body.toString() }),
      ...(signal === undefined ? {} : { signal }),
    });
}
