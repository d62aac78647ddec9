// What the handler of a unary call is given: Connect's HandlerContext, whose costly parts (headers, abort signal, address) are made
// when somebody asks for them, which few calls do.

import type { IncomingHttpHeaders } from "node:http";
import { TLSSocket } from "node:tls";
import { type ContextValues, createContextValues, type HandlerContext } from "@connectrpc/connect";
import { callKey } from "../rpc/call.ts";
import type { UnaryTime } from "./unary-time.ts";
import type { Added } from "./unary-wire.ts";
import { type Visit, visitKey } from "./visit.ts";

/** A class, because its getters are made once, and not for every call. */
export class UnaryContext implements HandlerContext {
  readonly method: HandlerContext["method"];
  readonly protocolName: string;
  readonly requestMethod = "POST";
  readonly values: ContextValues;
  readonly #visit: Visit;
  readonly #time: UnaryTime;
  #requestHeader: Headers | undefined;
  #responseHeader: Headers | undefined;
  #responseTrailer: Headers | undefined;

  constructor(visit: Visit, method: HandlerContext["method"], time: UnaryTime) {
    this.method = method;
    this.protocolName = visit.call.protocol;
    this.values = createContextValues().set(callKey, visit.call).set(visitKey, visit);
    this.#visit = visit;
    this.#time = time;
  }

  get service(): HandlerContext["service"] {
    return this.method.parent;
  }

  get signal(): AbortSignal {
    return this.#time.signal;
  }

  get url(): string {
    const { req } = this.#visit;
    const authority = "authority" in req ? req.authority : (req.headers.host ?? "");
    return new URL(req.url ?? "", `${req.socket instanceof TLSSocket ? "https" : "http"}://${authority}`).href;
  }

  get requestHeader(): Headers {
    return (this.#requestHeader ??= toHeaders(this.#visit.req.headers));
  }

  get responseHeader(): Headers {
    return (this.#responseHeader ??= new Headers());
  }

  get responseTrailer(): Headers {
    return (this.#responseTrailer ??= new Headers());
  }

  get added(): Added {
    return { header: this.#responseHeader, trailer: this.#responseTrailer };
  }

  timeoutMs(): number | undefined {
    return this.#time.remainingMs();
  }
}

/** Without the pseudo-headers of HTTP/2, which are no headers. */
function toHeaders(incoming: IncomingHttpHeaders): Headers {
  const headers = new Headers();
  for (const [name, value] of Object.entries(incoming)) {
    if (value === undefined || name.startsWith(":")) continue;
    for (const one of Array.isArray(value) ? value : [value]) headers.append(name, one);
  }
  return headers;
}
