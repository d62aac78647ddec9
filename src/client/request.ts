// What is sent: where an endpoint is, and a body as JSON unless it is something that fetch has a form for. Who may see the token is
// decided here by the parsed address, which is also the one that is called.

import { member } from "./read-body.ts";

export interface FetchInit extends Omit<RequestInit, "body"> {
  /** True: no token is fetched or sent. */
  readonly skipAuth?: boolean;
  /** A string is sent as it is, as JSON if `content-type` does not say otherwise; a plain value is turned into JSON. */
  readonly body?: unknown;
}

export interface Prepared {
  readonly init: RequestInit;
  readonly headers: Headers;
  /** A stream: it is gone once it was sent. */
  readonly once: boolean;
}

type Body = NonNullable<RequestInit["body"]>;

/** `/…` is put behind the base; anything else must be a whole address. */
export function addressOf(endpoint: string | URL, base: string): URL {
  const text = String(endpoint);
  const url = text.startsWith("/") ? URL.parse(`${base.replace(/\/+$/, "")}${text}`, pageAddress()) : URL.parse(text);
  if (url === null) throw new TypeError("An endpoint begins with / or is a whole URL; outside of a page the base URL is needed too.");
  return url;
}

/** Where this page is. Undefined: not in a page. */
function pageAddress(): string | undefined {
  const href = member(Reflect.get(globalThis, "location"), "href");
  return typeof href === "string" ? href : undefined;
}

export function prepare({ body, headers: given, ...init }: Omit<FetchInit, "skipAuth">): Prepared {
  const headers = new Headers(given);
  if (!headers.has("accept")) headers.set("accept", "application/json");
  if (body === undefined || body === null) return { init, headers, once: false };
  const sent = hasForm(body) ? body : encodeJson(body);
  if (typeof sent === "string" && !headers.has("content-type")) headers.set("content-type", "application/json");
  const once = sent instanceof ReadableStream;
  // Streams are taken in this form only (Fetch standard, "RequestDuplex").
  return { init: { ...init, body: sent, ...(once ? { duplex: "half" } : {}) }, headers, once };
}

export function encodeJson(value: unknown): string {
  const text: unknown = JSON.stringify(value);
  if (typeof text !== "string") throw new TypeError("This body is nothing that JSON can say.");
  return text;
}

/** What fetch has a form for. */
export function hasForm(body: unknown): body is Body {
  return (
    typeof body === "string" ||
    body instanceof Blob ||
    body instanceof FormData ||
    body instanceof URLSearchParams ||
    body instanceof ReadableStream ||
    body instanceof ArrayBuffer ||
    ArrayBuffer.isView(body)
  );
}
