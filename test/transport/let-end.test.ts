// Clients like Go's: they announce a body's length, and cut it short once an answer begins.

import { once } from "node:events";
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from "node:http2";
import { afterAll, beforeAll, expect, it } from "vitest";
import { ExchangeError } from "../../src/exchange/errors.ts";
import { exchangePath, type PortRig, startPort } from "./port-rig.ts";

const watchPath = "/grpc.health.v1.Health/Watch";

const gate = (): never => {
  throw new ExchangeError("CALLER_UNAUTHENTICATED");
};

/** Longer than a test may take: a wait that nothing else ends fails it. */
const tooLongMs = 60_000;

let rig: PortRig;
let hurried: PortRig;
let session: ClientHttp2Session;
beforeAll(async () => {
  rig = await startPort({ gate, limits: { refusalMs: tooLongMs, bodyMs: tooLongMs } });
  hurried = await startPort({ gate, limits: { refusalMs: 20 } });
  session = connect(`http://127.0.0.1:${rig.port}`);
  await once(session, "connect");
});
afterAll(async () => {
  session.close();
  await Promise.all([rig.close(), hurried.close()]);
});

const refused = [
  ["gRPC", exchangePath, "application/grpc"],
  ["gRPC-Web", exchangePath, "application/grpc-web+proto"],
  ["Connect", exchangePath, "application/json"],
  ["a stream over gRPC", watchPath, "application/grpc"],
  ["a stream over Connect", watchPath, "application/connect+json"],
] as const;

it.each(refused)(
  "%s: a refusal waits until an announced body has ended, as its client may cut it short at an answer",
  async (_, path, type) => {
    const { stream, answered } = ask(session, { path, type, length: 20_000 });
    stream.write(Buffer.alloc(10_000));
    await roundTrips(session, 5);
    expect(answered()).toBe(false);
    stream.end(Buffer.alloc(10_000));
    expect(await isRefused(stream)).toBe(true);
  },
);

it.each(refused)("%s: a refusal waits for no body that was not announced", async (_, path, type) => {
  const { stream } = ask(session, { path, type });
  stream.write(Buffer.alloc(10_000));
  expect(await isRefused(stream)).toBe(true);
});

it.each(refused)("%s: a refusal waits for no body that was announced as a thousand times too large", async (_, path, type) => {
  const { stream } = ask(session, { path, type, length: 60_000_000 });
  expect(await isRefused(stream)).toBe(true);
});

it.each(refused)("%s: a client that keeps back what it announced is refused when the wait is over", async (_, path, type) => {
  const other = connect(`http://127.0.0.1:${hurried.port}`);
  const { stream } = ask(other, { path, type, length: 20_000 });
  stream.write(Buffer.alloc(10_000));
  expect(await isRefused(stream)).toBe(true);
  other.close();
});

interface Asked {
  readonly path: string;
  readonly type: string;
  readonly length?: number;
}

function ask(client: ClientHttp2Session, { path, type, length }: Asked) {
  const announced = length === undefined ? {} : { "content-length": length };
  const stream = client.request({ ":path": path, ":method": "POST", "content-type": type, te: "trailers", ...announced });
  let seen = false;
  stream.once("response", () => (seen = true));
  return { stream, answered: () => seen };
}

/** What the server had to say at once would have come before the last of them. */
async function roundTrips(client: ClientHttp2Session, count: number): Promise<void> {
  for (let at = 0; at < count; at += 1) {
    await new Promise<void>((resolve, reject) => client.ping((failure) => (failure === null ? resolve() : reject(failure))));
  }
}

/** In whatever form the protocol says it; the stream is given up. */
async function isRefused(stream: ClientHttp2Stream): Promise<boolean> {
  let said = "";
  stream.on("response", (headers) => (said += JSON.stringify(headers)));
  stream.on("trailers", (trailers) => (said += JSON.stringify(trailers)));
  stream.on("data", (chunk: Buffer) => (said += chunk.toString("latin1")));
  await once(stream, "end");
  stream.on("error", () => undefined).close();
  return /"grpc-status":"16"|grpc-status: ?16|unauthenticated/.test(said);
}
