// A provider's HTTP client with a span for each call, and `traceparent` on its way out. Only that header: what a caller's vendor
// keeps in `tracestate`, and all of `baggage`, is no business of a provider's.

import type { HttpClient } from "../net/http-client.ts";
import type { Traces } from "./traces.ts";

/** @param provider stands in `cambio.provider` */
export function createTracedHttpClient(http: HttpClient, traces: Traces | undefined, provider: string): HttpClient {
  if (traces === undefined) return http;
  return {
    ...http,
    send(call) {
      const { method, endpoint } = call;
      const attributes = {
        "http.request.method": method,
        ...addressOf(call.url),
        "cambio.provider": provider,
        "cambio.endpoint": endpoint,
      };
      const asking = { name: `${method} ${endpoint}`, kind: "client", attributes, alone: true } as const;
      return traces.child(asking, async ({ traceparent, add }) => {
        const response = await http.send(traceparent === undefined ? call : { ...call, headers: { ...call.headers, traceparent } });
        const { status } = response;
        add({ "http.response.status_code": status, ...(status >= 400 ? { "error.type": String(status) } : {}) });
        return response;
      });
    },
  };
}

/** Of an address that is none, the client will say so. */
function addressOf(url: string): { "server.address"?: string; "server.port"?: number } {
  const parsed = URL.parse(url);
  if (parsed === null) return {};
  const usual = parsed.protocol === "https:" ? 443 : 80;
  return { "server.address": parsed.hostname, "server.port": parsed.port === "" ? usual : Number(parsed.port) };
}
