// A client that sends bytes as they are and keeps what comes back: for requests that no library would make.

import { connect, type Socket } from "node:net";

export interface RawSocket {
  readonly socket: Socket;
  send(text: string | Buffer): void;
  /** Everything received until the other side closed. */
  readonly closed: Promise<string>;
  /** What was received so far. */
  received(): string;
  /** What was received, as soon as it contains `text`. */
  until(text: string): Promise<string>;
}

export function openRaw(port: number): Promise<RawSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1");
    let received = "";
    const closed = Promise.withResolvers<string>();
    socket.on("data", (chunk) => {
      received += chunk.toString("latin1");
    });
    socket.once("close", () => closed.resolve(received));
    socket.once("error", reject);
    socket.once("connect", () => {
      socket.on("error", () => undefined);
      resolve({
        socket,
        send: (text) => void socket.write(text),
        closed: closed.promise,
        received: () => received,
        until: (text) =>
          new Promise((found, missed) => {
            const look = () => received.includes(text) && found(received);
            socket.on("data", look);
            socket.once("close", () => (received.includes(text) ? found(received) : missed(new Error(`closed after: ${received}`))));
            look();
          }),
      });
    });
  });
}
