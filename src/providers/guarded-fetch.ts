// The shape in which oauth4webapi wants its requests made, over the guarded client. It makes forms; a provider that wants JSON is sent
// the same members in an object.

import type { Endpoint } from "../net/http-call.ts";
import type { HttpClient } from "../net/http-client.ts";
import type { BodyFormat } from "./definition.ts";

interface FetchInit {
  readonly method: string;
  readonly headers: Record<string, string>;
  readonly body?: URLSearchParams | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What these are sent spends nothing (RFC 7662 §2), so it may be sent once more. */
const onlyAsked: ReadonlySet<Endpoint> = new Set(["introspection"]);

/** What else a request may need. */
export interface FetchOptions {
  /** Default: form. */
  readonly format?: BodyFormat;
  /** See HttpCall. */
  readonly onSending?: (() => void) | undefined;
}

export function guardedFetch(http: HttpClient, endpoint: Endpoint, { format = "form", onSending }: FetchOptions = {}) {
  return (url: string, { method, headers, body, signal }: FetchInit): Promise<Response> =>
    http.send({
      endpoint,
      method: method === "POST" ? "POST" : "GET",
      url,
      headers: format === "json" ? { ...headers, "content-type": "application/json" } : headers,
      ...(onlyAsked.has(endpoint) ? { idempotent: true } : {}),
      ...(body === undefined ? {} : { body: format === "json" ? jsonOf(body) : body.toString() }),
      ...(signal === undefined ? {} : { signal }),
      ...(onSending === undefined ? {} : { onSending }),
    });
}

/** A parameter that repeats becomes a list. */
function jsonOf(form: URLSearchParams): string {
  const members = [...new Set(form.keys())].map((name) => {
    const values = form.getAll(name);
    return [name, values.length === 1 ? values[0] : values] as const;
  });
  return JSON.stringify(Object.fromEntries(members));
}
