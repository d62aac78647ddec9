// A server that takes a connection as Redis does, and then answers every command with bytes of the test's choice.

import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import type { RedisAddress } from "../../src/cache/redis-target.ts";

export interface LyingRedis {
  readonly address: RedisAddress;
  stop(): Promise<void>;
}

const info = "redis_version:7.4.0\r\nrole:master\r\n";

/** @param answer as it goes over the wire */
export async function startLyingRedis(answer: string): Promise<LyingRedis> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("data", (commands) => {
      for (const command of commands.toString().split(/(?=\*\d+\r\n\$)/)) {
        if (/hello/i.test(command)) socket.write("%1\r\n$5\r\nproto\r\n:3\r\n");
        else if (/\binfo\b/i.test(command)) socket.write(`$${info.length}\r\n${info}\r\n`);
        else socket.write(answer);
      }
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    address: { kind: "single", host: "127.0.0.1", port, tls: false, username: undefined, password: undefined, db: 0 },
    async stop() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}
