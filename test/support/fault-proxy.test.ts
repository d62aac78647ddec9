import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { eventually } from "./eventually.ts";
import { Redis } from "ioredis";
import { type FaultProxy, type ProxyFault, startFaultProxy } from "./fault-proxy.ts";
import { startRedisServer } from "./redis-server.ts";

/** Answers each request of four bytes with the same bytes in capitals. */
let server: Server;
let heard: string;
let atServer: Set<Socket>;
let waits: number[];
let proxy: FaultProxy;
let clients: Socket[];

beforeEach(async () => {
  heard = "";
  waits = [];
  clients = [];
  atServer = new Set();
  server = createServer((socket) => {
    atServer.add(socket);
    socket.on("error", () => undefined).once("close", () => atServer.delete(socket));
    socket.on("data", (piece) => {
      heard += piece.toString();
      socket.write(piece.toString().toUpperCase());
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  proxy = await startFaultProxy((server.address() as AddressInfo).port, { wait: async (ms) => void waits.push(ms) });
});

afterEach(async () => {
  for (const client of clients) client.destroy();
  await proxy.close();
  server.close();
});

interface Client {
  say(text: string): void;
  heard(): string;
  /** Undefined: it is open. */
  ended(): string | undefined;
  gone(): void;
}

function join(): Client {
  const socket = connect(proxy.port, proxy.host);
  clients.push(socket);
  let text = "";
  let end: string | undefined;
  socket.on("data", (piece) => (text += piece.toString()));
  socket.on("error", (error: NodeJS.ErrnoException) => (end ??= error.code));
  socket.on("end", () => (end ??= "FIN"));
  return { say: (words) => void socket.write(words), heard: () => text, ended: () => end, gone: () => void socket.destroy() };
}

async function hears(client: Client, text: string): Promise<void> {
  await eventually(`${text} is heard`, () => client.heard() === text);
}

async function ends(client: Client, how: string): Promise<void> {
  await eventually(`it ends with ${how}`, () => client.ended() === how);
}

describe("without a fault", () => {
  it("everything passes, and is counted", async () => {
    const [one, two] = [join(), join()];
    one.say("ping");
    two.say("more");
    await hears(one, "PING");
    await hears(two, "MORE");
    expect([proxy.accepted(), proxy.passed("request"), proxy.passed("answer"), proxy.met()]).toEqual([2, 8, 8, 0]);
  });

  it("a client that leaves has left the server too", async () => {
    const client = join();
    client.say("ping");
    await hears(client, "PING");
    client.gone();
    await eventually("the server knows", () => atServer.size === 0);
    await eventually("nothing is open", () => proxy.open() === 0);
    expect(proxy.accepted()).toBe(1);
  });

  it("a server that leaves has left its clients", async () => {
    const client = join();
    client.say("ping");
    await hears(client, "PING");
    for (const socket of atServer) socket.end("BYE");
    await ends(client, "FIN");
    expect(client.heard()).toBe("PINGBYE");
  });
});

describe("on connecting", () => {
  it("a hanging server takes the connection, and hears of it when the fault is over", async () => {
    proxy.always({ kind: "hang", at: "connect" });
    const client = join();
    client.say("ping");
    await eventually("it hangs", () => proxy.met() === 1);
    expect(atServer.size).toBe(0);
    proxy.clear();
    await hears(client, "PING");
  });

  it.each<[ProxyFault["kind"], string]>([
    ["reset", "ECONNRESET"],
    ["cut", "FIN"],
  ])("a %s ends the connection before the server hears of it", async (kind, how) => {
    proxy.next({ kind, at: "connect" } as ProxyFault);
    await ends(join(), how);
    expect(atServer.size).toBe(0);
    const next = join();
    next.say("ping");
    await hears(next, "PING");
  });

  it("a server that is down refuses, keeps what is open, and comes back on the same port", async () => {
    const client = join();
    client.say("ping");
    await hears(client, "PING");
    proxy.refuse();
    await ends(join(), "ECONNREFUSED");
    client.say("more");
    await hears(client, "PINGMORE");
    await proxy.accept();
    const next = join();
    next.say("ping");
    await hears(next, "PING");
    expect(proxy.accepted()).toBe(2);
  });

  it("a target that is down resets who came", async () => {
    const { port } = server.address() as AddressInfo;
    server.close();
    await once(server, "close");
    const lonely = await startFaultProxy(port);
    const socket = connect(lonely.port, lonely.host);
    const [error] = (await once(socket, "error")) as [NodeJS.ErrnoException];
    expect(error.code).toBe("ECONNRESET");
    await lonely.close();
  });
});

describe("a hang", () => {
  it("before the request leaves the server ignorant, until it is over", async () => {
    proxy.next({ kind: "hang", at: "request" });
    const client = join();
    client.say("ping");
    await eventually("it hangs", () => proxy.met() === 1);
    expect([heard, proxy.passed("request")]).toEqual(["", 0]);
    proxy.clear();
    await hears(client, "PING");
  });

  it("after the request leaves the client ignorant of what was done", async () => {
    proxy.next({ kind: "hang", at: "answer" });
    const client = join();
    client.say("ping");
    await eventually("it hangs", () => proxy.met() === 1);
    expect([heard, client.heard()]).toEqual(["ping", ""]);
    proxy.clear();
    await hears(client, "PING");
  });

  it("in the middle of an answer gives half of it, and the rest later", async () => {
    proxy.always({ kind: "hang", at: "answer", afterBytes: 3 });
    const client = join();
    client.say("ping");
    await hears(client, "PIN");
    expect(proxy.passed("answer")).toBe(3);
    proxy.clear();
    await hears(client, "PING");
  });

  it("counts its bytes over several pieces", async () => {
    proxy.next({ kind: "hang", at: "answer", afterBytes: 6 });
    const client = join();
    client.say("ping");
    await hears(client, "PING");
    client.say("more");
    await hears(client, "PINGMO");
    proxy.clear();
    await hears(client, "PINGMORE");
    expect(proxy.passed("answer")).toBe(8);
  });

  it("for one is no hang for the next", async () => {
    proxy.next({ kind: "hang", at: "answer" });
    const first = join();
    first.say("ping");
    await eventually("it hangs", () => proxy.met() === 1);
    const second = join();
    second.say("more");
    await hears(second, "MORE");
    expect(first.heard()).toBe("");
  });

  it("does not keep the proxy from closing", async () => {
    proxy.always({ kind: "hang", at: "answer" });
    const client = join();
    client.say("ping");
    await eventually("it hangs", () => proxy.met() === 1);
    await proxy.close();
    expect(proxy.open()).toBe(0);
    await eventually("the client is told", () => client.ended() !== undefined);
  });
});

describe("a broken connection", () => {
  it.each<[string, ProxyFault, string, string, string]>([
    ["a reset before the request", { kind: "reset", at: "request" }, "", "", "ECONNRESET"],
    ["a reset after two bytes of the request", { kind: "reset", at: "request", afterBytes: 2 }, "pi", "", "ECONNRESET"],
    ["a reset after the request", { kind: "reset", at: "answer" }, "ping", "", "ECONNRESET"],
    ["a cut after the request", { kind: "cut", at: "answer" }, "ping", "", "FIN"],
    ["a cut after two bytes of the answer", { kind: "cut", at: "answer", afterBytes: 2 }, "ping", "PI", "FIN"],
    ["a cut after the whole answer", { kind: "cut", at: "answer", afterBytes: 4 }, "ping", "PING", "FIN"],
  ])("by %s ends for both sides", async (_name, fault, atTheServer, answered, how) => {
    proxy.next(fault);
    const client = join();
    client.say("ping");
    await ends(client, how);
    await eventually("the server knows", () => atServer.size === 0);
    // What little the server may still have said to a client of whom it had heard half is not passed on.
    expect([heard, client.heard()]).toEqual([atTheServer, answered]);
  });

  it("by a reset of all leaves nothing open, and new ones work", async () => {
    const [one, two] = [join(), join()];
    one.say("ping");
    two.say("ping");
    await hears(one, "PING");
    await hears(two, "PING");
    proxy.resetAll();
    await ends(one, "ECONNRESET");
    await ends(two, "ECONNRESET");
    await eventually("nothing is open", () => proxy.open() === 0);
    const next = join();
    next.say("more");
    await hears(next, "MORE");
    expect(proxy.accepted()).toBe(3);
  });
});

describe("a slow network", () => {
  it("delays one piece, and the next ones as often as it is told", async () => {
    proxy.next({ kind: "delay", at: "request", ms: 40 }, 2);
    const client = join();
    for (const [said, sum] of [
      ["ping", "PING"],
      ["more", "PINGMORE"],
      ["last", "PINGMORELAST"],
    ] as const) {
      client.say(said);
      await hears(client, sum);
    }
    expect(waits).toEqual([40, 40]);
  });

  it("drips an answer byte by byte, which arrives whole", async () => {
    proxy.always({ kind: "drip", at: "answer", everyMs: 5 });
    const client = join();
    client.say("ping");
    await hears(client, "PING");
    await eventually("it waited after each byte", () => waits.length === 4);
    expect(waits).toEqual([5, 5, 5, 5]);
  });
});

it("in front of a real Redis, an answer that is lost leaves done what was asked for", async () => {
  await using parts = new AsyncDisposableStack();
  const redis = await startRedisServer();
  parts.defer(() => redis.stop());
  const between = await startFaultProxy(redis.port);
  parts.defer(() => between.close());
  const client = new Redis({
    host: between.host,
    port: between.port,
    lazyConnect: true,
    retryStrategy: () => null,
    enableReadyCheck: false,
  });
  parts.defer(() => client.disconnect());
  client.on("error", () => undefined);
  await client.connect();
  await client.set("before", "1");
  between.next({ kind: "reset", at: "answer" });
  await expect(client.set("lost", "2")).rejects.toThrow("Connection is closed");
  expect(await redis.raw().mget("before", "lost")).toEqual(["1", "2"]);
});
