// One HTTP/2 request and its answer, on the stream itself, in the form of HTTP/1.1's. Node has such objects too, which are streams of
// their own on top of the stream; few calls need that, and all would pay for it. Whoever needs Node's makes them here.

import type { IncomingHttpHeaders } from "node:http";
import { Http2ServerRequest, Http2ServerResponse, type ServerHttp2Stream } from "node:http2";
import type { Socket } from "node:net";

type Listener = (chunk: Buffer) => void;
type Event = "data" | "end" | "error" | "close" | "finish";

const ignore = (): void => undefined;
const noBytes = Buffer.alloc(0);

/**
 * Classes, because there is one of each for every call: what they can do is made once. Who listens is kept here, and not by the stream:
 * its native half keeps the stream from being collected with other short-lived objects, and all that its listeners know would be moved
 * about in memory several times. They are let go as soon as it has closed.
 */
export class H2Request {
  readonly stream: ServerHttp2Stream;
  /** With the pseudo-headers. */
  readonly headers: IncomingHttpHeaders;
  readonly rawHeaders: string[];
  #listeners: Partial<Record<Event, Listener[]>> = {};
  #isRead = false;
  #isFollowed = false;

  constructor(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, rawHeaders: string[]) {
    this.stream = stream;
    this.headers = headers;
    this.rawHeaders = rawHeaders;
    stream.on("error", () => this.#tell("error"));
    stream.on("close", () => {
      this.#tell("close");
      this.#listeners = {};
      // Nobody hears of it any more, and whoever keeps the stream (Node's own table of them does) keeps nothing else with it.
      stream.removeAllListeners();
      stream.on("error", ignore);
    });
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

  get destroyed(): boolean {
    return this.stream.destroyed;
  }

  /** Undefined: its connection is gone. */
  get socket(): Socket | undefined {
    return this.stream.session?.socket;
  }

  on(event: Event, listener: Listener): void {
    (this.#listeners[event] ??= []).push(listener);
    if (event === "data" && !this.#isRead) {
      this.#isRead = true;
      this.stream.on("data", (chunk: Buffer) => this.#tell("data", chunk));
      this.stream.on("end", () => this.#tell("end"));
    }
  }

  off(event: Event, listener: Listener): void {
    this.#listeners[event] = this.#listeners[event]?.filter((one) => one !== listener) ?? [];
  }

  /** Only those who answer before they have read everything are told that the answer is written. */
  follow(): void {
    if (this.#isFollowed || this.complete) return;
    this.#isFollowed = true;
    this.stream.on("finish", () => this.#tell("finish"));
  }

  resume(): void {
    this.stream.resume();
  }

  #tell(event: Event, chunk: Buffer = noBytes): void {
    for (const listener of this.#listeners[event] ?? []) listener(chunk);
  }
}

export class H2Response {
  readonly stream: ServerHttp2Stream;
  readonly #req: H2Request;
  /** Names in lower case, and values, in turn. */
  readonly #headers: string[] = [];
  #statusCode = 200;
  #trailers: Readonly<Record<string, string>> | undefined;
  #ended = false;
  #node: Http2ServerResponse | undefined;

  constructor(req: H2Request) {
    this.stream = req.stream;
    this.#req = req;
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
    this.#req.follow();
  }

  destroy(): void {
    this.stream.destroy();
  }

  on(event: Event, listener: Listener): void {
    this.#req.on(event, listener);
  }

  off(event: Event, listener: Listener): void {
    this.#req.off(event, listener);
  }

  /** From here on the answer is written by Node's object; it has the headers that were set. */
  toNode(): Http2ServerResponse {
    const node = new Http2ServerResponse(this.stream);
    for (let at = 0; at < this.#headers.length; at += 2) node.appendHeader(this.#headers[at] ?? "", this.#headers[at + 1] ?? "");
    this.#req.follow();
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
