// The front's way for a WebSocket: the handshake goes to the backend as a request of the front's own, header by header, and bytes pass
// only after the backend agreed to it. A connection that one side takes for upgraded and the other does not would carry requests that
// nobody here has looked at.

import { createHash } from "node:crypto";
import { type IncomingMessage, request as requestUpstream, type Server } from "node:http";
import { Socket } from "node:net";
import { answerJson, awayBody, hasStrayBody } from "./front-answers.ts";
import { type Log, requestIdOf } from "./json-log.ts";
import { asksForLive, livePath, responseTo } from "./live-upgrade.ts";

/** Cookies stay here: the backend asks for a token. Extensions too: what is small must not become large behind the front. */
const forwarded = ["host", "origin", "sec-websocket-key", "sec-websocket-version", "sec-websocket-protocol"];
const handshakeTimeoutMs = 15_000;
/** The backend says something every few seconds; without a word either side is gone. */
const idleMs = 60_000;
const maxTunnels = 256;

interface Handshake {
  readonly request: IncomingMessage;
  readonly connection: Socket;
  readonly requestId: string;
  refuse(status: number, body: Readonly<Record<string, string>>): void;
  /** The answer, as the log has it. */
  note(status: number): void;
}

export function serveTunnels(server: Server, base: () => string | undefined, log: Log): void {
  const tunnels = new Set<Socket>();

  function open({ request, connection, requestId, refuse, note }: Handshake): void {
    const address = base();
    const away = (status: 503 | 504): void => refuse(status, awayBody("backend", requestId));
    if (address === undefined || tunnels.size >= maxTunnels) return away(503);
    tunnels.add(connection);
    connection.once("close", () => tunnels.delete(connection));
    const { search } = new URL(request.url ?? "", "http://front");
    const upstream = requestUpstream(new URL(address), {
      path: livePath + search,
      // A connection of its own, that no request comes after on.
      agent: false,
      headers: {
        ...Object.fromEntries(forwarded.flatMap((name) => (request.headers[name] === undefined ? [] : [[name, request.headers[name]]]))),
        connection: "Upgrade",
        upgrade: "websocket",
        "x-forwarded-for": request.socket.remoteAddress ?? "",
        "x-request-id": requestId,
      },
    });
    let late = false;
    let answered = false;
    const limit = setTimeout(() => {
      late = true;
      upstream.destroy();
    }, handshakeTimeoutMs);
    upstream.once("close", () => clearTimeout(limit));
    upstream.once("error", () => {
      if (answered) connection.destroy();
      else if (!connection.destroyed) away(late ? 504 : 503);
    });
    upstream.once("response", (answer) => {
      answered = true;
      const response = responseTo(request, connection);
      response.writeHead(answer.statusCode ?? 502, Object.fromEntries(kept(answer)));
      answer.once("error", () => connection.destroy());
      answer.pipe(response);
      note(answer.statusCode ?? 502);
    });
    upstream.once("upgrade", (answer, other, first) => {
      answered = true;
      clearTimeout(limit);
      if (!(other instanceof Socket) || !agrees(request, answer)) {
        other.destroy();
        return refuse(502, { error: "bad_gateway", request_id: requestId });
      }
      connection.write(switching(answer, requestId));
      connection.write(first);
      join(connection, other);
      note(101);
    });
    connection.once("close", () => upstream.destroy());
    upstream.end();
  }

  server.on("upgrade", (request: IncomingMessage, connection: unknown, head: Buffer) => {
    if (!(connection instanceof Socket)) return;
    const started = performance.now();
    const request_id = requestIdOf(request);
    connection.once("error", () => connection.destroy());
    const note = (status: number): void => {
      const duration_ms = Math.round(performance.now() - started);
      log({ msg: "request", request_id, method: request.method, path: livePath, status, duration_ms });
    };
    const refuse = (status: number, body: Readonly<Record<string, string>>): void => {
      const response = responseTo(request, connection);
      response.setHeader("x-request-id", request_id);
      answerJson(response, status, body, status === 503 || status === 504 ? { "retry-after": "2" } : {});
      note(status);
    };
    // Whoever waits for no answer means what follows for somebody else.
    const clean = head.length === 0 && !hasStrayBody(request) && isHandshake(request);
    if (clean) open({ request, connection, requestId: request_id, refuse, note });
    else refuse(400, { error: "invalid_request", request_id });
  });
  server.once("closing", () => {
    for (const connection of tunnels) connection.destroy();
  });
}

/** RFC 6455 §4.1. */
function isHandshake(request: IncomingMessage): boolean {
  const { headers, httpVersion } = request;
  const key = /^[A-Za-z0-9+/]{22}==$/.test(headers["sec-websocket-key"] ?? "");
  return asksForLive(request) && httpVersion === "1.1" && key && headers["sec-websocket-version"] === "13";
}

/** RFC 6455 §4.2.2: who answers this has understood the question. */
function agrees({ headers: asked }: IncomingMessage, { statusCode, headers }: IncomingMessage): boolean {
  const digest = createHash("sha1").update(`${asked["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`);
  const accepted = headers["sec-websocket-accept"] === digest.digest("base64");
  return statusCode === 101 && headers.upgrade?.toLowerCase() === "websocket" && accepted;
}

function switching({ headers }: IncomingMessage, requestId: string): string {
  const protocol = headers["sec-websocket-protocol"];
  const lines = [
    "HTTP/1.1 101 Switching Protocols",
    "Upgrade: websocket",
    "Connection: Upgrade",
    `Sec-WebSocket-Accept: ${headers["sec-websocket-accept"]}`,
    ...(protocol === undefined ? [] : [`Sec-WebSocket-Protocol: ${protocol}`]),
    `X-Request-Id: ${requestId}`,
  ];
  return `${lines.join("\r\n")}\r\n\r\n`;
}

function kept({ headers }: IncomingMessage): readonly (readonly [string, string])[] {
  return ["content-type", "cache-control", "retry-after", "www-authenticate", "x-request-id"].flatMap((name) => {
    const value = headers[name];
    return typeof value === "string" ? [[name, value] as const] : [];
  });
}

/** Until either is gone: what it said last still arrives. */
function join(...[one, other]: readonly [Socket, Socket]): void {
  for (const [from, to] of [
    [one, other],
    [other, one],
  ] as const) {
    from.on("error", () => from.destroy());
    from.once("close", () => to.destroySoon());
    from.setTimeout(idleMs, () => from.destroy());
    from.pipe(to);
  }
}
