// A TCP proxy in front of a real server, with a script of faults that can change while connections live: what a network and a
// dying server do to Redis and PostgreSQL. It knows bytes and directions, no protocol: what comes in one read is one piece.

import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { setTimeout as timer } from "node:timers/promises";

/** From the client to the server, and back. */
export type Way = "request" | "answer";

export type ProxyFault =
  /** Nothing passes any more: on `connect` the server never hears of the connection; on `request` it never hears of the request; on
   * `answer` it has done its work and nobody learns of it. What was withheld passes once the script is cleared. */
  | { readonly kind: "hang"; readonly at: Way | "connect"; readonly afterBytes?: number }
  /** The connection breaks for both sides (RST). */
  | { readonly kind: "reset"; readonly at: Way | "connect"; readonly afterBytes?: number }
  /** The connection ends for both sides as if all had been said (FIN). */
  | { readonly kind: "cut"; readonly at: Way | "connect"; readonly afterBytes?: number }
  /** One piece waits. */
  | { readonly kind: "delay"; readonly at: Way; readonly ms: number }
  /** One piece passes byte by byte. */
  | { readonly kind: "drip"; readonly at: Way; readonly everyMs: number };

export interface FaultProxy {
  readonly host: string;
  readonly port: number;
  /** The next connection, or the next pieces, that come to the fault's phase, whichever connection they belong to. */
  next(fault: ProxyFault, times?: number): void;
  /** Every one of them, until `clear`. The last word for a phase counts; `next` comes first. */
  always(fault: ProxyFault): void;
  /** All passes again, and what hangs goes on. */
  clear(): void;
  /** Ends every open connection with RST. */
  resetAll(): void;
  /** New connections are refused by the kernel; open ones live on. */
  refuse(): void;
  /** Ends `refuse`, on the same port. */
  accept(): Promise<void>;
  /** Connections that were accepted so far. */
  accepted(): number;
  /** Connections that are open now. */
  open(): number;
  /** Bytes that were passed on. */
  passed(way: Way): number;
  /** Faults that were met so far. */
  met(): number;
  close(): Promise<void>;
}

export interface FaultProxyOptions {
  /** Waits for `delay` and `drip`. Default: a timer. */
  readonly wait?: (ms: number) => Promise<unknown>;
}

const host = "127.0.0.1";

interface Flow {
  readonly way: Way;
  readonly from: Socket;
  readonly to: Socket;
  /** Met, and not over yet; `left` bytes still pass before it takes hold. */
  current: { readonly fault: ProxyFault; left: number } | undefined;
}

/** @param target port of the server on this machine */
export async function startFaultProxy(target: number, { wait = timer }: FaultProxyOptions = {}): Promise<FaultProxy> {
  const queued: ProxyFault[] = [];
  const standing = new Map<ProxyFault["at"], ProxyFault>();
  const flows = new Set<Flow>();
  const sockets = new Set<Socket>();
  const held = new Set<() => void>();
  const passed = { request: 0, answer: 0 };
  const counts = { accepted: 0, met: 0 };

  const server = createServer({ allowHalfOpen: true }, (client) => {
    counts.accepted += 1;
    track(client);
    void serve(client);
  });

  async function serve(client: Socket): Promise<void> {
    const fault = take("connect");
    if (fault?.kind === "hang") await hang();
    else if (fault !== undefined) return end(fault, client);
    if (client.destroyed) return;
    const upstream = track(connect({ port: target, host, allowHalfOpen: true }));
    await Promise.all([pump({ way: "request", from: client, to: upstream }), pump({ way: "answer", from: upstream, to: client })]);
  }

  function track(socket: Socket): Socket {
    sockets.add(socket);
    // Whoever reads from it learns of the error; without a listener the process would end.
    return socket.on("error", () => undefined).once("close", () => sockets.delete(socket));
  }

  async function pump(ends: Omit<Flow, "current">): Promise<void> {
    const flow: Flow = { ...ends, current: undefined };
    flows.add(flow);
    try {
      for await (const piece of flow.from.iterator({ destroyOnReturn: false })) await pass(flow, piece as Buffer);
      flow.to.end();
    } catch {
      flow.from.destroy();
      reset(flow.to);
    } finally {
      flows.delete(flow);
    }
  }

  async function pass(flow: Flow, piece: Buffer): Promise<void> {
    const fault = (flow.current ??= meet(flow.way))?.fault;
    if (flow.current === undefined || fault === undefined) return write(flow, piece);
    if (fault.kind === "delay" || fault.kind === "drip") {
      flow.current = undefined;
      return fault.kind === "drip" ? drip(flow, piece, fault.everyMs) : wait(fault.ms).then(() => write(flow, piece));
    }
    const free = piece.subarray(0, flow.current.left);
    flow.current.left -= free.length;
    await write(flow, free);
    if (flow.current.left > 0) return;
    if (fault.kind !== "hang") return end(fault, flow.to, flow.from);
    await hang();
    flow.current = undefined;
    await write(flow, piece.subarray(free.length));
  }

  function meet(way: Way): Flow["current"] {
    const fault = take(way);
    return fault && { fault, left: "afterBytes" in fault ? fault.afterBytes : 0 };
  }

  function take(at: ProxyFault["at"]): ProxyFault | undefined {
    const index = queued.findIndex((fault) => fault.at === at);
    const fault = index < 0 ? standing.get(at) : queued.splice(index, 1)[0];
    if (fault !== undefined) counts.met += 1;
    return fault;
  }

  function hang(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    held.add(resolve);
    return promise;
  }

  function release(): void {
    for (const resolve of held) resolve();
    held.clear();
  }

  async function drip(flow: Flow, piece: Buffer, everyMs: number): Promise<void> {
    for (const byte of piece) {
      await write(flow, Buffer.of(byte));
      await wait(everyMs);
    }
  }

  /** Resolves when the kernel has it, so that a slow reader slows the writer, and an end cannot overtake. */
  async function write(flow: Flow, bytes: Buffer): Promise<void> {
    if (bytes.length === 0 || flow.to.writableEnded) return;
    await new Promise<void>((resolve, reject) => {
      flow.to.write(bytes, (error) => (error === undefined || error === null ? resolve() : reject(error)));
    });
    passed[flow.way] += bytes.length;
  }

  const listen = async (port: number): Promise<void> => {
    await once(server.listen(port, host), "listening");
  };
  await listen(0);
  const { port } = server.address() as AddressInfo;

  return {
    host,
    port,
    next: (fault, times = 1) => void queued.push(...Array.from({ length: times }, () => fault)),
    always: (fault) => void standing.set(fault.at, fault),
    clear() {
      queued.length = 0;
      standing.clear();
      for (const flow of flows) flow.current = undefined;
      release();
    },
    resetAll() {
      for (const socket of sockets) reset(socket);
    },
    // Listening ends at once; that it is called back only after the last connection is of no interest.
    refuse: () => void server.close(),
    accept: () => listen(port),
    accepted: () => counts.accepted,
    open: () => sockets.size,
    passed: (way) => passed[way],
    met: () => counts.met,
    async close() {
      release();
      const gone = Array.from(sockets, (socket) => new Promise((resolve) => socket.once("close", resolve)));
      for (const socket of sockets) socket.destroy();
      await Promise.all(gone);
      if (!server.listening) return;
      server.close();
      await once(server, "close");
    },
  };
}

/** Of a connection that was cut nothing more is passed on, and what still comes is read, so that the end is seen. */
function end(fault: ProxyFault, ...sockets: readonly Socket[]): void {
  for (const socket of sockets) {
    if (fault.kind === "reset") reset(socket);
    else socket.resume().end();
  }
}

/** A reset that meets a socket while it shuts down fails in libuv: Node then never says that it closed, and never lets go of it. */
function reset(socket: Socket): void {
  if (socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
}
