// What the HTTP/1.1 parser gives up on before it is a request, and CONNECT, which Node hands out as a bare socket: answered with a
// status where that is still possible, told of once, and the connection destroyed. Whatever became a request is not known here.

import { type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import { type Bag, createBag } from "./bag.ts";

interface Conversation {
  latest: IncomingMessage;
  /** Answers that have not ended; a pipelining client has several. */
  readonly open: Bag<ServerResponse>;
}

/** @param told must not throw: what it throws ends the process */
export function refuseUnreadable(listener: Server, told: (status: number) => void): void {
  const conversations = new WeakMap<Duplex, Conversation>();

  listener.on("request", (req: IncomingMessage, res: ServerResponse) => {
    const conversation = conversations.get(req.socket) ?? { latest: req, open: createBag<ServerResponse>() };
    conversations.set(req.socket, conversation);
    conversation.latest = req;
    const place = conversation.open.add(res);
    res.once("close", () => conversation.open.remove(res, place));
  });

  listener.on("clientError", (error: NodeJS.ErrnoException, socket: Duplex) => {
    const status = statusOf(error.code ?? "");
    if (status === undefined) socket.destroy();
    else refuse(socket, status);
  });

  listener.on("connect", (req: IncomingMessage) => {
    // Within this turn: Node has let go of the socket, and an error that nobody hears ends the process; a destroyed one has none.
    refuse(req.socket, 501);
  });

  function refuse(socket: Duplex, status: number): void {
    const conversation = conversations.get(socket);
    // A second head in the middle of an answer would be read as part of it.
    const amid = conversation !== undefined && conversation.open.items().some((res) => res.headersSent);
    if (socket.writable && !amid) socket.write(bare(status));
    socket.destroy();
    // Broken in its body, it is a call already, whose own end tells of it.
    if (conversation?.latest.complete !== false) told(status);
  }
}

/** As Node answers by itself; undefined: a failure of the connection (a reset, a TLS handshake), where nobody asked anything. */
function statusOf(code: string): number | undefined {
  if (code === "ERR_HTTP_REQUEST_TIMEOUT") return 408;
  if (code === "HPE_HEADER_OVERFLOW") return 431;
  if (code === "HPE_CHUNK_EXTENSIONS_OVERFLOW") return 413;
  return code.startsWith("HPE_") ? 400 : undefined;
}

function bare(status: number): string {
  const lines = [`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}`, "connection: close", "content-length: 0", "cache-control: no-store"];
  return `${lines.join("\r\n")}\r\n\r\n`;
}
