// Where this process connects to: a watch over every attempt, and a decoy that nobody has any reason to visit.

import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { type AddressInfo, createServer, type Socket } from "node:net";

/** Accepts, counts and says nothing. */
export async function startDecoy() {
  let visits = 0;
  const server = createServer((socket) => {
    visits += 1;
    socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, "localhost", resolve));
  return {
    url: `http://localhost:${(server.address() as AddressInfo).port}`,
    visits: () => (visits === 0 ? [] : [`the decoy, ${visits} times`]),
    close: () => new Promise<void>((resolve) => server.close(() => resolve())),
  };
}

/** Every attempt of this process to connect, by whichever library: those of the tests lead to the replicas and the servers. */
export function watchConnections(named: readonly number[]) {
  const met = new Set<string>();
  const known = new Set(named);
  const onSocket = (message: unknown): void => {
    const { socket } = message as { readonly socket: Socket };
    socket.on("connectionAttempt", (address: string, port: number) => void (known.has(port) || met.add(`${address}:${port}`)));
    socket.on("lookup", (_error: unknown, _address: unknown, _family: unknown, host: string) => {
      if (host !== "localhost") met.add(host);
    });
  };
  subscribe("net.client.socket", onSocket);
  return {
    strangers: () => [...met],
    /** A replica that comes later. */
    know: (port: number) => void known.add(port),
    async close(): Promise<void> {
      unsubscribe("net.client.socket", onSocket);
    },
  };
}
