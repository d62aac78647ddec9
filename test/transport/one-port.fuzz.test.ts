import * as fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import { data, emptySettings, postHeaders, preface } from "./h2-frames.ts";
import { exchangePath, type PortRig, startPort } from "./port-rig.ts";
import { overH1 } from "./raw-request.ts";
import { openRaw } from "./raw-socket.ts";

let rig: PortRig;
beforeAll(async () => {
  rig = await startPort({ limits: { sniffMs: 100, headersMs: 100, bodyMs: 150, checkEveryMs: 20 } });
});
afterAll(() => rig.close());

const bytes = fc.uint8Array({ maxLength: 200 }).map((array) => Buffer.from(array));
const header = fc.string({ unit: "binary-ascii", maxLength: 40 });

async function send(request: Buffer): Promise<void> {
  const raw = await openRaw(rig.port);
  raw.send(request);
  raw.socket.end();
  await raw.closed;
}

/** The server still answers. */
async function status(): Promise<number> {
  const headers = { "content-type": "application/json" };
  return (await overH1({ port: rig.port, path: exchangePath, headers, body: "{}" })).status;
}

const starts = fc.constantFrom(
  Buffer.alloc(0),
  preface,
  Buffer.concat([preface, emptySettings]),
  Buffer.concat([preface, emptySettings, postHeaders(1, exchangePath, { "content-type": "application/grpc" })]),
  Buffer.from(`POST ${exchangePath} HTTP/1.1\r\n`),
  Buffer.from(`POST ${exchangePath} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 150\r\n\r\n`),
  Buffer.from(`POST ${exchangePath} HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n`),
);

it("survives any bytes, after any beginning", async () => {
  await fc.assert(
    fc.asyncProperty(starts, bytes, async (start, rest) => {
      await send(Buffer.concat([start, rest]));
      expect(await status()).toBe(200);
    }),
    { numRuns: 100 },
  );
});

it("survives any header values over both versions", async () => {
  const names = fc.constantFrom(
    "host",
    "content-type",
    "origin",
    "x-request-id",
    "connect-timeout-ms",
    "grpc-timeout",
    "content-encoding",
    "content-length",
  );
  await fc.assert(
    fc.asyncProperty(names, header, async (name, value) => {
      await send(Buffer.from(`POST ${exchangePath} HTTP/1.1\r\n${name}: ${value}\r\ncontent-type: application/json\r\n\r\n{}`, "latin1"));
      const as = name === "host" ? ":authority" : name;
      const headers = postHeaders(1, exchangePath, { "content-type": "application/grpc", [as]: value });
      await send(Buffer.concat([preface, emptySettings, headers, data(1, Buffer.from([0, 0, 0, 0, 0]), true)]));
      expect(await status()).toBe(200);
    }),
    { numRuns: 50 },
  );
});
