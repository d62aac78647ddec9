import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type ServerHttp2Session, type ServerHttp2Stream } from "node:http2";
import { buffer } from "node:stream/consumers";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createFramesLoad } from "../../bench/ratios/frames-load.ts";

const path = "/echo.v1.EchoService/Echo";
const headers = [
  ["content-type", "application/grpc"],
  ["authorization", `Basic ${"x".repeat(300)}`],
] as const;
let stack = new AsyncDisposableStack();
beforeEach(() => {
  stack = new AsyncDisposableStack();
});
afterEach(() => stack.disposeAsync());

/** A gRPC server as far as its answers go. */
async function startServer(
  answer: (stream: ServerHttp2Stream, message: Buffer) => void,
): Promise<{ readonly url: string; readonly seen: string[] }> {
  const seen: string[] = [];
  const sessions = new Set<ServerHttp2Session>();
  const server = createServer();
  server.on("session", (session) => sessions.add(session));
  server.on("stream", (stream: ServerHttp2Stream, received: IncomingHttpHeaders) => {
    // One that is reset fails here as well.
    stream.on("error", () => undefined);
    seen.push(`${received[":method"]} ${received[":path"]} ${received["authorization"]?.length}`);
    void buffer(stream).then((message) => answer(stream, message));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  stack.defer(async () => {
    for (const session of sessions) session.destroy();
    server.close();
    await once(server, "close");
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen };
}

function succeed(stream: ServerHttp2Stream, message: Buffer): void {
  stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
  stream.once("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
  stream.end(message);
}

async function load(url: string) {
  const made = await createFramesLoad(url, path, headers);
  stack.defer(() => made.close());
  return made;
}

describe("calls as bare frames", () => {
  it("are what a server of HTTP/2 takes them for, the first of a connection and the later ones", async () => {
    const received: string[] = [];
    const { url, seen } = await startServer((stream, message) => {
      received.push(message.toString());
      succeed(stream, message);
    });
    const calls = await load(url);
    const messages = Array.from({ length: 300 }, (_one, index) => `message ${index}`);
    await calls.closedLoop(messages.map((message) => Buffer.from(message)));
    expect(received.toSorted()).toEqual(messages.toSorted());
    expect(new Set(seen)).toEqual(new Set([`POST ${path} 306`]));
    expect(calls.failures()).toBe(0);
  });

  it("are all sent at a rate, too, and each is timed", async () => {
    const { url } = await startServer(succeed);
    const calls = await load(url);
    const timings = await calls.openLoop(
      { perSecond: 10_000, random: () => 0.5 },
      Array.from({ length: 200 }, () => Buffer.from("message")),
    );
    expect(timings.sinceDueMs).toHaveLength(200);
    expect(timings.sinceDueMs.every((ms) => ms > 0)).toBe(true);
    expect(calls.failures()).toBe(0);
  });

  it.each<[string, (stream: ServerHttp2Stream) => void]>([
    ["gRPC refuses", (stream) => stream.respond({ ":status": 200, "grpc-status": "16" }, { endStream: true })],
    ["HTTP refuses", (stream) => stream.respond({ ":status": 503 }, { endStream: true })],
    ["are reset", (stream) => stream.close(2)],
    ["lose their connection", (stream) => stream.session?.destroy()],
  ])("are failures where they %s", async (_why, refuse) => {
    const { url } = await startServer(refuse);
    const calls = await load(url);
    await calls.closedLoop([Buffer.from("message")]);
    expect(calls.failures()).toBe(1);
  });
});
