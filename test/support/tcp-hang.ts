// An endpoint that accepts connections and never says a word.

import { once } from "node:events";
import { createServer, type AddressInfo, type Socket } from "node:net";

export interface HangingEndpoint {
  readonly port: number;
  /** How many connections were accepted so far. */
  accepted(): number;
  stop(): Promise<void>;
}

export async function startHangingEndpoint(): Promise<HangingEndpoint> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    // Reading drains what is sent; a reset by the peer is what these tests provoke.
    socket.on("error", () => undefined).resume();
    sockets.push(socket);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    accepted: () => sockets.length,
    async stop() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}
