// The live connection: a WebSocket at /api/live for those who show a token that the backend believes. A browser can set no header
// there, so the token comes as one of the offered subprotocols, never in the query, which is written down on the way. It is looked at
// before anything is upgraded, the answer never repeats it, and the connection ends when it does.

import type { IncomingMessage, Server } from "node:http";
import { Socket } from "node:net";
import { type WebSocket, WebSocketServer } from "ws";
import { type Log, requestIdOf } from "./json-log.ts";
import { asksForLive, livePath, responseTo } from "./live-upgrade.ts";
import { type Answer, answerTo } from "./token-answer.ts";
import type { Checked, TokenCheck } from "./token-check.ts";

export interface LiveOptions {
  readonly check: TokenCheck;
  readonly pageOrigin: string;
  /** Milliseconds since 1970. */
  readonly clock: () => number;
}

type Believed = Checked & { readonly kind: "believed" };

export const liveProtocol = "cambio.v1.live";
/** The token is over: come again with a fresh one. */
export const tokenExpired = 4401;

const bearerPrefix = "bearer.";
const heartbeatMs = 2_000;
/** Heartbeats that a page may leave unanswered before it counts as gone. */
const maxUnanswered = 5;
/** Nobody has more to say here. */
const maxMessageBytes = 1_024;
const maxConnections = 200;
/** Tabs of one person. */
const maxConnectionsOfUser = 8;
/** More than a timer can hold; a token of longer life is ended then. */
const maxTimerMs = 2_147_483_647;

export function serveLive(server: Server, { check, pageOrigin, clock }: LiveOptions, log: Log): void {
  const sockets = new WebSocketServer({
    noServer: true,
    // What is small when it arrives must not be large when it is read.
    perMessageDeflate: false,
    maxPayload: maxMessageBytes,
    handleProtocols: () => liveProtocol,
  });
  const users = new Map<WebSocket, string>();

  async function letIn(request: IncomingMessage): Promise<Believed | Answer> {
    if (!asksForLive(request) || request.url !== livePath) return badRequest("request_malformed");
    if (request.headers.origin !== pageOrigin) {
      return { status: 403, body: { error: "origin_not_allowed" }, reason: "origin_not_allowed" };
    }
    const offered = (request.headers["sec-websocket-protocol"] ?? "").split(",").map((name) => name.trim());
    const [token, ...others] = offered.filter((name) => name.startsWith(bearerPrefix));
    if (others.length > 0 || !offered.includes(liveProtocol)) return badRequest("protocols_malformed");
    const checked = await check(token === undefined ? undefined : `Bearer ${token.slice(bearerPrefix.length)}`);
    if (checked.kind !== "believed") return answerTo(checked);
    const { userId } = checked;
    const own = [...users.values()].filter((one) => one === userId).length;
    if (users.size >= maxConnections || own >= maxConnectionsOfUser) {
      return {
        status: 429,
        body: { error: "too_many_connections" },
        headers: { "retry-after": "5" },
        userId,
        reason: "too_many_connections",
      };
    }
    return checked;
  }

  async function upgrade(request: IncomingMessage, connection: Socket, head: Buffer): Promise<void> {
    const request_id = requestIdOf(request);
    const about = { request_id, method: request.method, path: livePath };
    // Until somebody owns the connection, nobody else hears of its end.
    const gone = () => connection.destroy();
    connection.once("error", gone);
    const decision = await letIn(request);
    if ("status" in decision) {
      const { status, body, headers, userId, reason } = decision;
      log({ msg: "request", ...about, user_id: userId, status, reason });
      const all = { "content-type": "application/json", "cache-control": "no-store", "x-request-id": request_id, ...headers };
      responseTo(request, connection)
        .writeHead(status, all)
        .end(JSON.stringify({ ...body, request_id }));
      return;
    }
    connection.off("error", gone);
    sockets.handleUpgrade(request, connection, head, (socket) => {
      log({ msg: "live connected", ...about, user_id: decision.userId, status: 101 });
      keep(socket, decision, request_id);
    });
  }

  function keep(socket: WebSocket, { userId, expiresAtMs }: Believed, request_id: string): void {
    const started = performance.now();
    users.set(socket, userId);
    let count = 0;
    let unanswered = 0;
    const tell = (message: object): void => socket.send(JSON.stringify(message));
    const beat = setInterval(() => {
      if (unanswered >= maxUnanswered) return socket.terminate();
      unanswered += 1;
      count += 1;
      socket.ping();
      tell({ type: "heartbeat", count });
    }, heartbeatMs);
    const end = setTimeout(() => socket.close(tokenExpired, "token expired"), Math.min(expiresAtMs - clock(), maxTimerMs));
    socket.on("pong", () => {
      unanswered = 0;
    });
    // Such as a message that is too large: the connection is closed with the reason.
    socket.on("error", () => undefined);
    socket.once("close", (code) => {
      clearInterval(beat);
      clearTimeout(end);
      users.delete(socket);
      const duration_ms = Math.round(performance.now() - started);
      log({ msg: "live closed", request_id, user_id: userId, path: livePath, duration_ms, reason: `closed_${code}` });
    });
    tell({ type: "connected", user_id: userId, request_id, expires_at: new Date(expiresAtMs).toISOString() });
  }

  server.on("upgrade", (request, connection, head) => {
    if (connection instanceof Socket) upgrade(request, connection, head).catch(() => connection.destroy());
    else connection.destroy();
  });
  server.once("closing", () => {
    for (const socket of users.keys()) socket.close(1001);
  });
}

function badRequest(reason: string): Answer {
  return { status: 400, body: { error: "invalid_request" }, reason };
}
