// One port for HTTP/1.1 and HTTP/2, in clear text or over TLS: accepts, finds out the version, bounds the connection, drains.
// What is asked on it is not known here: see front.ts.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { type Bag, createBag } from "./bag.ts";
import type { H2Request, H2Response } from "./h2-exchange.ts";
import { createH2Sessions } from "./h2-sessions.ts";
import { defaultLimits, type Limits } from "./limits.ts";
import { sniff } from "./sniff.ts";
import { refuseUnreadable } from "./unreadable.ts";

export type PortRequest = IncomingMessage | H2Request;
export type PortResponse = ServerResponse | H2Response;

/** Must not throw: what it throws ends the process. */
export type OnRequest = (req: PortRequest, res: PortResponse) => void;

export interface OnePortOptions {
  readonly onRequest: OnRequest;
  /** What never became a request over HTTP/1.1, with the status that it was refused with. Must not throw either. */
  readonly onUnreadable?: (status: number) => void;
  /** PEM. Absent: clear text. */
  readonly tls?: {
    readonly cert: string | Buffer;
    readonly key: string | Buffer;
    /** Certificates of the only CA that vouches for clients. Absent: nobody is asked for a certificate. */
    readonly clientCa?: string | Buffer;
  };
  readonly limits?: Limits;
  /** Spreads connection ages; [0, 1). */
  readonly random?: () => number;
}

export interface OnePort {
  /** @throws Error the operating system's, where the address cannot be had */
  listen(host: string, port: number): Promise<{ port: number }>;
  /** Finishes what is in flight, at most `graceMs` milliseconds long. Never rejects. */
  close(graceMs: number): Promise<void>;
}

const ignore = (): void => undefined;

/** Milliseconds between the last socket's destruction and giving up on the listener's word that it is closed. */
const lastWordMs = 1_000;

/** Milliseconds of silence before the operating system asks whether the peer still exists. */
const probeAfterMs = 60_000;

export function createOnePort(options: OnePortOptions): OnePort {
  const { onRequest, onUnreadable = () => undefined, tls, limits = defaultLimits, random = Math.random } = options;
  const responses = createBag<PortResponse>();
  const undecided = new Set<Socket>();
  const sockets = new Set<Socket>();
  /** Over HTTP/1.1, by connection: one that is answered, and those that were sent behind it. */
  const inTurn = new WeakMap<Socket, Bag<ServerResponse>>();
  let draining: Promise<void> | undefined;

  const sessions = createH2Sessions({ onRequest: take, limits, random });
  const listener = createListener(limits, tls);
  listener.on("request", take);
  // An expectation that nobody knows may be ignored (RFC 9110 §10.1.1); Node would refuse it past every log.
  listener.on("checkExpectation", (req, res) => listener.emit("request", req, res));
  refuseUnreadable(listener, onUnreadable);
  dispatch();

  function take(req: PortRequest, res: PortResponse): void {
    const place = responses.add(res);
    // Who reads it hears of a connection that breaks off; where nobody does (yet, or any more), it would end the process.
    req.on("error", ignore);
    if (draining !== undefined) promiseNothing(res);
    if (!("stream" in req) && !("stream" in res)) closeWith(req.socket, res);
    onRequest(req, res);
    res.on("close", () => {
      responses.remove(res, place);
      // A response that was under way when the drain began has promised to keep the connection alive.
      if (draining !== undefined) setImmediate(() => listener.closeIdleConnections());
    });
  }

  /** Node tells only the one whose turn it is that the connection closed. The others would never end. */
  function closeWith(socket: Socket, res: ServerResponse): void {
    const waiting = inTurn.get(socket) ?? createBag<ServerResponse>();
    if (!inTurn.has(socket)) {
      inTurn.set(socket, waiting);
      socket.once("close", () => setImmediate(() => waiting.items().forEach((one) => one.emit("close"))));
    }
    const place = waiting.add(res);
    res.on("close", () => waiting.remove(res, place));
  }

  async function ended(): Promise<void> {
    await Promise.all(responses.items().map((res) => new Promise<void>((resolve) => res.on("close", () => resolve()))));
  }

  /** Puts a look at the version between the acceptor and HTTP/1.1, whose own connection tracking needs it to stay the acceptor. */
  function dispatch(): void {
    const event = tls === undefined ? "connection" : "secureConnection";
    const saved = listener.listeners(event);
    listener.removeAllListeners(event);
    const toH1 = (socket: Socket) => saved.forEach((accept) => Reflect.apply(accept, listener, [socket]));
    if (tls === undefined) {
      listener.on("connection", (socket: Socket) => {
        undecided.add(socket);
        socket.once("close", () => undecided.delete(socket));
        sniff(socket, limits.sniffMs, (version) => {
          undecided.delete(socket);
          if (version === "h2") sessions.accept(socket);
          else toH1(socket);
        });
      });
    } else {
      listener.on("secureConnection", (socket: TLSSocket) => {
        if (socket.alpnProtocol === "h2") sessions.accept(socket);
        else toH1(socket);
      });
    }
    listener.prependListener("connection", (socket: Socket) => {
      sockets.add(socket);
      socket.once("close", () => sockets.delete(socket));
    });
  }

  async function drain(graceMs: number): Promise<void> {
    const closed = new Promise<void>((resolve) => listener.close(() => resolve()));
    sessions.close();
    for (const socket of undecided) socket.destroy();
    responses.items().forEach(promiseNothing);
    await Promise.race([closed, after(graceMs)]);
    for (const socket of sockets) socket.destroy();
    // Requests hear of their connection's end after the listener does; what they have to say at their end comes before this resolves.
    await Promise.race([Promise.all([closed, ended()]), after(lastWordMs)]);
  }

  return {
    async listen(host, port) {
      await new Promise<void>((resolve, reject) => {
        listener.once("error", reject);
        listener.listen({ host, port }, () => {
          listener.off("error", reject);
          // Accepting can fail later (no descriptors left); the next attempt may not, so the process stays.
          listener.on("error", () => undefined);
          resolve();
        });
      });
      const address = listener.address();
      if (address === null || typeof address === "string") throw new Error("the listener has no port");
      return { port: address.port };
    },
    close: (graceMs) => (draining ??= drain(graceMs)),
  };
}

function createListener(limits: Limits, tls: OnePortOptions["tls"]): Server {
  const options = {
    maxHeaderSize: limits.headerBytes,
    headersTimeout: limits.headersMs,
    requestTimeout: limits.bodyMs,
    connectionsCheckingInterval: limits.checkEveryMs,
    keepAliveTimeout: limits.keepAliveMs,
    keepAlive: true,
    keepAliveInitialDelay: probeAfterMs,
    noDelay: true,
    // HTTP/1.0 has no Host; those requests get the same answer as any without a possible authority.
    requireHostHeader: false,
  };
  const listener: Server =
    tls === undefined
      ? createServer(options)
      : createTlsServer({
          ...options,
          cert: tls.cert,
          key: tls.key,
          ...clientCertificates(tls.clientCa),
          minVersion: "TLSv1.2",
          handshakeTimeout: limits.handshakeMs,
          ALPNProtocols: ["h2", "http/1.1"],
        });
  listener.timeout = limits.exchangeMs;
  // Node drops headers past this number silently; one more than allowed is kept, so that too many are seen and refused.
  listener.maxHeadersCount = limits.headerCount + 1;
  listener.maxConnections = limits.connections;
  return listener;
}

/** Asked for, never demanded: others prove themselves in another way. One that does not hold is refused by callers/, with an answer. */
function clientCertificates(ca: string | Buffer | undefined) {
  return ca === undefined ? {} : { ca, requestCert: true, rejectUnauthorized: false };
}

/** Over HTTP/1.1 each answer says whether the connection goes on after it; HTTP/2 has GOAWAY. */
function promiseNothing(res: PortResponse): void {
  if (!("stream" in res) && !res.headersSent) res.setHeader("connection", "close");
}

/** A wait that keeps no process alive. */
function after(ms: number): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, ms).unref());
}
