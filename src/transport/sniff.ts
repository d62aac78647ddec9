// Tells HTTP/2 from HTTP/1.1 by a connection's first bytes (RFC 9113 §3.4), then lets go of the socket.
// What speaks on it afterwards is not known here.

import type { Socket } from "node:net";

const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");

/**
 * Calls `decided` once, with every byte back in the socket, or destroys the socket: at the time limit, at its end, on an error.
 * Bytes are kept aside until then: putting them back while undecided would make them readable again, in a loop that never yields.
 */
export function sniff(socket: Socket, timeoutMs: number, decided: (version: "h1" | "h2") => void): void {
  let held: Buffer = Buffer.alloc(0);
  const timer = setTimeout(giveUp, timeoutMs);
  socket.on("readable", look);
  socket.on("end", giveUp);
  socket.on("error", giveUp);
  socket.on("close", letGo);

  function look(): void {
    for (let chunk = read(socket); chunk !== null; chunk = read(socket)) {
      held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
      const seen = Math.min(held.length, preface.length);
      const same = held.subarray(0, seen).equals(preface.subarray(0, seen));
      if (same && seen < preface.length) continue;
      letGo();
      socket.unshift(held);
      decided(same ? "h2" : "h1");
      return;
    }
  }

  function giveUp(): void {
    socket.destroy();
    letGo();
  }

  function letGo(): void {
    clearTimeout(timer);
    socket.off("readable", look);
    socket.off("end", giveUp);
    socket.off("close", letGo);
    // A destroyed socket may still report why; nobody else listens then.
    if (!socket.destroyed) socket.off("error", giveUp);
  }
}

function read(socket: Socket): Buffer | null {
  const chunk: unknown = socket.read();
  return Buffer.isBuffer(chunk) ? chunk : null;
}
