// One HTTP/2 request and its answer, on the stream itself, in the form of HTTP/1.1's. Node has such objects too, which are streams of
// their own on top of the stream; few calls need that, and all would pay for it. Whoever needs Node's makes them here.

import type { IncomingHttpHeaders } from "node:http";
import { Http2ServerRequest, Http2ServerResponse, type ServerHttp2Stream } from "node:http2";
import type { Socket } from "node:net";

type Listener = (chunk: Buffer) => void;

/** Classes, because there is one of each for every call: what they can do is made once. */
export class H2Request {
  readonly stream: ServerHttp2Stream;
  /** With the pseudo-headers. */
  readonly headers: IncomingHttpHeaders;
  readonly rawHeaders: string[];

  constructor(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, rawHeaders: string[]) {
    this.stream = stream;
    this.headers = headers;
    this.rawHeaders = rawHeaders;
  }

  get method(): string | undefined {
    return textOf(this.headers[":method"]);
  }

  get url(): string | undefined {
    return textOf(this.headers[":path"]);
  }

  get authority(): string | undefined {
    return textOf(this.headers[":authority"]) ?? this.headers.host;
  }

  /** Nothing more will come. */
  get complete(): boolean {
    const { stream } = this;
    return stream.readableEnded || stream.aborted || stream.destroyed;
  }

  get readableEnded(): boolean {
    return this.stream.readableEnded;
  }

  /** Undefined: its connection is gone. */
  get socket(): Socket | undefined {
    return this.stream.session?.socket;
  }

  on(event: string, listener: Listener): void {
    this.stream.on(event, listener);
  }

  once(event: string, listener: Listener): void {
    this.stream.once(event, listener);
  }

  off(event: string, listener: Listener): void {
    this.stream.off(event, listener);
  }

  resume(): void {
    this.stream.resume();
  }
}

export class H2Response {
  readonly stream: ServerHttp2Stream;
  /** Names in lower case, and values, in turn. */
  readonly #headers: string[] = [];
  #statusCode = 200;
  #trailers: Readonly<Record<string, string>> | undefined;
  #ended = false;
  #node: Http2ServerResponse | undefined;

  constructor(stream: ServerHttp2Stream) {
    this.stream = stream;
  }

  get statusCode(): number {
    return this.#node?.statusCode ?? this.#statusCode;
  }

  set statusCode(code: number) {
    this.#statusCode = code;
    if (this.#node !== undefined) this.#node.statusCode = code;
  }

  get headersSent(): boolean {
    return this.stream.headersSent;
  }

  /** @param name in lower case */
  setHeader(name: string, value: string): void {
    for (let at = 0; at < this.#headers.length; at += 2) {
      if (this.#headers[at] !== name) continue;
      this.#headers[at + 1] = value;
      return;
    }
    this.#headers.push(name, value);
  }

  /** Beside others of its name. */
  appendHeader(name: string, value: string): void {
    this.#headers.push(name, value);
  }

  addTrailers(trailers: Readonly<Record<string, string>>): void {
    this.#trailers = trailers;
  }

  end(body: string | Uint8Array = ""): void {
    const { stream } = this;
    if (this.#ended || stream.destroyed || stream.closed) return;
    const trailers = this.#trailers;
    const isEmpty = body.length === 0 && trailers === undefined;
    stream.respond([":status", String(this.#statusCode), ...this.#headers], {
      endStream: isEmpty,
      waitForTrailers: trailers !== undefined,
    });
    this.#ended = true;
    if (trailers !== undefined) stream.on("wantTrailers", () => stream.sendTrailers(trailers));
    if (!isEmpty) stream.end(body);
  }

  destroy(): void {
    this.stream.destroy();
  }

  on(event: string, listener: Listener): void {
    this.stream.on(event, listener);
  }

  once(event: string, listener: Listener): void {
    this.stream.once(event, listener);
  }

  off(event: string, listener: Listener): void {
    this.stream.off(event, listener);
  }

  /** From here on the answer is written by Node's object; it has the headers that were set. */
  toNode(): Http2ServerResponse {
    const node = new Http2ServerResponse(this.stream);
    for (let at = 0; at < this.#headers.length; at += 2) node.appendHeader(this.#headers[at] ?? "", this.#headers[at + 1] ?? "");
    return (this.#node = node);
  }
}

/** The same as Node's own objects. The request's body must not have been looked at. */
export function toNode(req: H2Request, res: H2Response): { readonly req: Http2ServerRequest; readonly res: Http2ServerResponse } {
  const node = new Http2ServerRequest(req.stream, req.headers, {}, req.rawHeaders);
  return { req: node, res: res.toNode() };
}

function textOf(header: string | string[] | undefined): string | undefined {
  return typeof header === "string" ? header : undefined;
}
