// One HTTP/2 request and its answer, on the stream itself, in the form of HTTP/1.1's. Node has such objects too, which are streams of
// their own on top of the stream; few calls need that, and all would pay for it. Whoever needs Node's makes them here.

import { EventEmitter } from "node:events";
import type { IncomingHttpHeaders } from "node:http";
import { Http2ServerRequest, Http2ServerResponse, type ServerHttp2Stream } from "node:http2";
import type { Socket } from "node:net";

type Listener = (chunk: Buffer) => void;
type Event = "data" | "end" | "error" | "close" | "finish";

const ignore = (): void => undefined;
const noBytes = Buffer.alloc(0);

/** Where a stream has its request for as long as somebody may hear of it. */
const request = Symbol("request");

interface Told extends ServerHttp2Stream {
  [request]?: H2Request | undefined;
}

/**
 * Classes, because there is one of each for every call: what they can do is made once. Who listens is kept here, and not by the stream:
 * its native half keeps the stream from being collected with other short-lived objects, and all that its listeners know would be moved
 * about in memory several times. What listens to it is the same for all streams.
 */
export class H2Request {
  readonly stream: ServerHttp2Stream;
  /** With the pseudo-headers. */
  readonly headers: IncomingHttpHeaders;
  readonly rawHeaders: string[];
  /** For each event that somebody listens to, in the order in which they began; who does is at the same place. */
  readonly #events: Event[] = [];
  readonly #listeners: Listener[] = [];
  #isRead = false;
  #isFollowed = false;

  constructor(stream: Told, headers: IncomingHttpHeaders, rawHeaders: string[]) {
    this.stream = stream;
    this.headers = headers;
    this.rawHeaders = rawHeaders;
    stream[request] = this;
    stream.on("error", onError);
    stream.on("close", onClose);
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
    this.#events.push(event);
    this.#listeners.push(listener);
    if (event === "data" && !this.#isRead) {
      this.#isRead = true;
      this.stream.on("data", onData);
      this.stream.on("end", onEnd);
    }
  }

  off(event: Event, listener: Listener): void {
    for (let at = 0; at < this.#events.length; at += 1) {
      // Places stay as they are: this may be asked for while they are gone through.
      if (this.#events[at] === event && this.#listeners[at] === listener) this.#listeners[at] = ignore;
    }
  }

  /** Only those who answer before they have read everything are told that the answer is written. */
  follow(): void {
    if (this.#isFollowed || this.complete) return;
    this.#isFollowed = true;
    this.stream.on("finish", onFinish);
  }

  resume(): void {
    this.stream.resume();
  }

  /** For its stream. */
  tell(event: Event, chunk: Buffer = noBytes): void {
    // One that begins to listen meanwhile is told, too.
    for (let at = 0; at < this.#events.length; at += 1) if (this.#events[at] === event) this.#listeners[at]?.(chunk);
  }
}

function onData(this: Told, chunk: Buffer): void {
  this[request]?.tell("data", chunk);
}

function onEnd(this: Told): void {
  this[request]?.tell("end");
}

function onFinish(this: Told): void {
  this[request]?.tell("finish");
}

function onError(this: Told): void {
  this[request]?.tell("error");
}

function onClose(this: Told): void {
  const closed = this[request];
  this[request] = undefined;
  closed?.tell("close");
  // Nobody hears of it any more, and whoever keeps the stream (Node's own table of them does) keeps nothing else with it. Where nobody
  // has to be told of each they all go at once; what a readable stream does at that is for one that is read again.
  EventEmitter.prototype.removeAllListeners.call(this, "removeListener");
  EventEmitter.prototype.removeAllListeners.call(this);
  // An error that comes after that is nobody's, and without a listener would end the process.
  this.on("error", ignore);
}

export class H2Response {
  readonly stream: ServerHttp2Stream;
  readonly #req: H2Request;
  /** Names in lower case, and values, in turn. The first is the status. */
  readonly #headers = [":status", "200"];
  #trailers: Readonly<Record<string, string>> | undefined;
  #ended = false;
  #node: Http2ServerResponse | undefined;

  constructor(req: H2Request) {
    this.stream = req.stream;
    this.#req = req;
  }

  get statusCode(): number {
    return this.#node?.statusCode ?? Number(this.#headers[1]);
  }

  set statusCode(code: number) {
    this.#headers[1] = String(code);
    if (this.#node !== undefined) this.#node.statusCode = code;
  }

  get headersSent(): boolean {
    return this.stream.headersSent;
  }

  /** @param name in lower case */
  setHeader(name: string, value: string): void {
    for (let at = 2; at < this.#headers.length; at += 2) {
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
    stream.respond(this.#headers, { endStream: isEmpty, waitForTrailers: trailers !== undefined });
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
    for (let at = 2; at < this.#headers.length; at += 2) node.appendHeader(this.#headers[at] ?? "", this.#headers[at + 1] ?? "");
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
