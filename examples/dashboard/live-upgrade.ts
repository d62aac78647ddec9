// The request that asks for the live connection, as front and backend know it; and an ordinary answer for one that is refused, which is
// the last on its connection: no more is read from it as HTTP.

import { type IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";

export const livePath = "/api/live";

/** Everything else that speaks of an upgrade is an ordinary request (RFC 9110 §7.8). */
export function asksForLive({ method, url, headers }: Pick<IncomingMessage, "method" | "url" | "headers">): boolean {
  const path = URL.parse(url ?? "", "http://localhost")?.pathname;
  return method === "GET" && path === livePath && headers.upgrade?.toLowerCase() === "websocket";
}

export function responseTo(request: IncomingMessage, connection: Socket): ServerResponse {
  const response = new ServerResponse(request);
  response.shouldKeepAlive = false;
  response.assignSocket(connection);
  response.once("finish", () => connection.destroySoon());
  return response;
}
