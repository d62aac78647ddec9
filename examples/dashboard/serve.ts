// The life of one server process: listen, say where in one line of the log, and end on a signal with what is under way finished.

import { once } from "node:events";
import type { Server } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { Log } from "./json-log.ts";

/** What a request of this demo may take at its end; then its connection is cut. */
const graceMs = 2_000;

export interface Listening {
  /** Without a slash at the end. */
  readonly url: string;
  close(): Promise<void>;
}

/** @param port 0: any free one */
export async function listen(server: Server, port: number, host = "localhost"): Promise<Listening> {
  server.listen(port, host);
  await once(server, "listening");
  const taken = (server.address() as AddressInfo).port;
  // What was upgraded is none of the server's connections any more, and is waited for all the same.
  const open = new Set<Socket>();
  server.on("connection", (connection: Socket) => {
    open.add(connection);
    connection.once("close", () => open.delete(connection));
  });
  return {
    url: `http://${host}:${taken}`,
    close: () =>
      new Promise((resolve) => {
        const cut = setTimeout(() => {
          for (const connection of open) connection.destroy();
        }, graceMs);
        server.close(() => {
          clearTimeout(cut);
          resolve();
        });
        server.closeIdleConnections();
        // To those who keep connections open without an end, which are theirs to close.
        server.emit("closing");
      }),
  };
}

/** Serves until SIGINT or SIGTERM. PORT and HOST choose the address. */
export async function serveProcess(server: Server, log: Log): Promise<void> {
  const { url, close } = await listen(server, Number(process.env["PORT"] ?? 0), process.env["HOST"]);
  log({ msg: "listening", url });
  // Ctrl-C reaches every process of the terminal, and the one that started this one passes a signal on as well.
  await new Promise<void>((resolve) => {
    process.on("SIGINT", () => resolve());
    process.on("SIGTERM", () => resolve());
  });
  await close();
}

/** @throws Error naming the variable */
export function required(name: string): string {
  const value = process.env[name];
  if (value === undefined || value === "") throw new Error(`${name} is not set.`);
  return value;
}
