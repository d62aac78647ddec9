// A real port in front of a provider's own that can be shut (connections are refused) and held (bytes wait): how a test decides
// when a request may reach its provider.

import { connect, createServer, type AddressInfo, type Socket } from "node:net";

export interface Relay {
  readonly port: number;
  /** Connections are refused until `open`. */
  shut(): Promise<void>;
  open(): Promise<void>;
  /** Bytes wait in both directions until `release`. */
  hold(): void;
  release(): void;
  /** Connections that came in so far. */
  arrivals(): number;
  readonly close: () => Promise<void>;
}

export async function startRelay(to: string): Promise<Relay> {
  const target = new URL(to);
  const pairs = new Set<readonly [Socket, Socket]>();
  let held = false;
  let arrivals = 0;

  const server = createServer((near) => {
    arrivals += 1;
    const pair = [near, connect({ host: target.hostname, port: Number(target.port) })] as const;
    pairs.add(pair);
    for (const end of pair) {
      end.on("error", () => undefined);
      end.on("close", () => {
        pairs.delete(pair);
        for (const either of pair) either.destroy();
      });
    }
    if (!held) flow(pair);
  });
  const listen = (port: number) => new Promise<void>((resolve, reject) => server.once("error", reject).listen(port, "localhost", resolve));
  await listen(0);
  const { port } = server.address() as AddressInfo;

  async function shut(): Promise<void> {
    if (!server.listening) return;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    for (const pair of pairs) for (const end of pair) end.destroy();
    await closed;
  }

  return {
    port,
    shut,
    open: () => listen(port),
    hold: () => {
      held = true;
    },
    release: () => {
      held = false;
      pairs.forEach(flow);
    },
    arrivals: () => arrivals,
    close: shut,
  };
}

function flow([near, far]: readonly [Socket, Socket]): void {
  near.pipe(far);
  far.pipe(near);
}
