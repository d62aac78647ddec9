// The HTTP/2 half of the port: a server that never listens and is handed connections, and the life of its sessions:
// bounded in streams, headers, idle time and age. Requests leave it in the same form as those of HTTP/1.1.

import { createServer, type IncomingHttpHeaders, type ServerHttp2Session, type ServerHttp2Stream } from "node:http2";
import type { Socket } from "node:net";
import { H2Request, H2Response } from "./h2-exchange.ts";
import type { Limits } from "./limits.ts";

export interface H2Sessions {
  accept(socket: Socket): void;
  /** GOAWAY to all; streams in flight end by themselves. */
  close(): void;
}

export interface H2SessionsOptions {
  readonly onRequest: (req: H2Request, res: H2Response) => void;
  readonly limits: Limits;
  readonly random: () => number;
}

/** Frames that break the protocol, before the session ends. A correct peer sends none; a race at shutdown may cause a few. */
const maxInvalidFrames = 32;

/** Pseudo-headers count among a stream's headers: method, scheme, path, authority. */
const pseudoHeaders = 4;

export function createH2Sessions({ onRequest, limits, random }: H2SessionsOptions): H2Sessions {
  const sessions = new Set<ServerHttp2Session>();
  const server = createServer({
    settings: { maxConcurrentStreams: limits.streamsPerConnection, maxHeaderListSize: limits.headerBytes, enablePush: false },
    maxHeaderListPairs: limits.headerCount + pseudoHeaders,
    maxSessionInvalidFrames: maxInvalidFrames,
    maxSessionRejectedStreams: limits.streamsPerConnection,
  });
  server.on("stream", (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, _flags: number, rawHeaders: string[]) => {
    // Whoever waits for leave to send its body would wait for ever (RFC 9110 §10.1.1); other expectations may be ignored.
    // One that was reset in the meantime cannot be told, and saying it all the same would throw.
    if (headers.expect?.toLowerCase() === "100-continue" && !stream.closed) stream.additionalHeaders({ ":status": 100 });
    const req = new H2Request(stream, headers, rawHeaders);
    onRequest(req, new H2Response(req));
  });
  server.on("session", (session) => {
    sessions.add(session);
    const age = limits.connectionAgeMs * (0.9 + 0.2 * random());
    let timer = setTimeout(finish, age).unref();
    /** Streams end by themselves, within their grace. */
    function finish(): void {
      clearTimeout(timer);
      session.close();
      timer = setTimeout(() => session.destroy(), limits.ageGraceMs).unref();
    }
    // A client that breaks the protocol after its farewell is not read any more: neither the end of its streams nor its own would be seen.
    session.once("goaway", finish);
    // A listener keeps the server from destroying the session, which would cut a stream that merely has nothing to say.
    session.setTimeout(limits.idleSessionMs, () => session.close());
    session.once("close", () => {
      clearTimeout(timer);
      sessions.delete(session);
    });
  });

  return {
    accept(socket) {
      // The HTTP/1.1 acceptor leaves sockets half open; a session would outlive a client that has left by its idle time.
      socket.allowHalfOpen = false;
      server.emit("connection", socket);
    },
    close() {
      for (const session of sessions) session.close();
    },
  };
}
