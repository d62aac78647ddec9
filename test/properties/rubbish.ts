// Bytes that no client would send: beginnings of every kind of request, then anything, whole or cut off somewhere.

import fc from "fast-check";
import { data, emptySettings, frame, postHeaders, preface } from "../transport/h2-frames.ts";
import { openRaw } from "../transport/raw-socket.ts";
import { rpcPaths } from "./requests.ts";

/** More than headers may have, and less than what fills a socket's buffers. */
const hugeHeaderBytes = 40_000;
/** About as many as fit into a message. */
const deepLevels = 60_000;

const path = fc.constantFrom(...rpcPaths);
const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array));
const h1 = (to: string, headers: string, body: string): Buffer =>
  Buffer.from(`POST ${to} HTTP/1.1\r\nhost: localhost\r\n${headers}\r\n\r\n${body}`, "latin1");
const json = "content-type: application/json";
const grpc = { "content-type": "application/grpc", te: "trailers" };
const started = (to: string, headers: Readonly<Record<string, string>>): Buffer =>
  Buffer.concat([preface, emptySettings, postHeaders(1, to, headers)]);

const deep = (open: string): string => open.repeat(Math.floor(deepLevels / open.length));

const whole: fc.Arbitrary<Buffer> = fc.oneof(
  bytes,
  bytes.map((rest) => Buffer.concat([preface, rest])),
  fc
    .tuple(fc.nat({ max: 12 }), fc.nat({ max: 255 }), fc.nat({ max: 5 }), bytes)
    .map(([type, flags, stream, payload]) => Buffer.concat([preface, emptySettings, frame(type, flags, { stream, payload })])),
  // Message lengths that the bytes do not keep to, and compressed ones that are not.
  fc.tuple(path, fc.nat({ max: 255 }), fc.nat({ max: 0xff_ff_ff_ff }), bytes).map(([to, flag, length, rest]) => {
    const head = Buffer.alloc(5);
    head.writeUInt8(flag, 0);
    head.writeUInt32BE(length, 1);
    return Buffer.concat([started(to, grpc), data(1, Buffer.concat([head, rest]), true)]);
  }),
  fc
    .tuple(path, fc.constantFrom("[", '{"a":', '{"token":{"value":['))
    .map(([to, open]) => h1(to, `${json}\r\ncontent-length: ${deep(open).length}`, deep(open))),
  path.map((to) => h1(to, `${json}\r\nx-filler: ${"x".repeat(hugeHeaderBytes)}\r\ncontent-length: 2`, "{}")),
  path.map((to) => h1(to, `${json}\r\n${"x-many: y\r\n".repeat(500)}content-length: 2`, "{}")),
  path.map((to) => started(to, { ...grpc, "x-filler": "x".repeat(30_000) })),
  fc.tuple(path, bytes).map(([to, rest]) => h1(to, `${json}\r\ntransfer-encoding: chunked`, `ffffffff\r\n${rest.toString("latin1")}`)),
  fc
    .tuple(path, bytes)
    .map(([to, rest]) => h1(to, `authorization: Basic ${rest.toString("base64")}\r\n${json}\r\ncontent-length: 2`, "{}")),
  fc
    .tuple(path, bytes)
    .map(([to, rest]) => h1(to, `${json}\r\ncontent-length: 0`, "").toString("latin1").repeat(20) + rest.toString("latin1"))
    .map((text) => Buffer.from(text, "latin1")),
);

/** Some of them end before their end. */
export const rubbish: fc.Arbitrary<Buffer> = fc
  .tuple(whole, fc.oneof({ weight: 2, arbitrary: fc.constant(1) }, { weight: 1, arbitrary: fc.double({ min: 0, max: 1, noNaN: true }) }))
  .map(([all, share]) => all.subarray(0, Math.ceil(all.length * share)));

/** @returns what came back until the other side closed */
export async function throwAt(port: number, what: Buffer, end: "end" | "reset"): Promise<string> {
  const raw = await openRaw(port);
  if (end === "end") {
    raw.send(what);
    raw.socket.end();
  } else {
    await new Promise<void>((resolve) => {
      raw.socket.write(what, () => resolve());
    });
    raw.socket.resetAndDestroy();
  }
  return raw.closed;
}
