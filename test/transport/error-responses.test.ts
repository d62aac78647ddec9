import { brotliCompressSync, gzipSync } from "node:zlib";
import { toBinary, create } from "@bufbuild/protobuf";
import { encodeEnvelope } from "@connectrpc/connect/protocol";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ExchangeRequestSchema } from "../../gen/cambio/v1/token_exchange_service_pb.ts";
import { data, emptySettings, postHeaders, preface, settingsAck } from "./h2-frames.ts";
import { canary, exchangePath, type PortRig, startPort } from "./port-rig.ts";
import { openRaw } from "./raw-socket.ts";
import { overH1, overH2, type RawAnswer, type RawRequest } from "./raw-request.ts";

let rig: PortRig;
beforeAll(async () => {
  rig = await startPort();
});
afterAll(() => rig.close());

const message = toBinary(ExchangeRequestSchema, create(ExchangeRequestSchema, { clientId: canary }));
const badMessage = Buffer.from([0x0a, 0x7f, ...Buffer.from(canary)]);
const badUtf8 = Buffer.from([0x0a, 0x02, 0xff, 0xfe]);
const bomb = toBinary(ExchangeRequestSchema, create(ExchangeRequestSchema, { clientId: "x".repeat(5_000_000) }));
const deepJson = `${'{"authorizationCode":'.repeat(1)}${"[".repeat(20_000)}`;
const envelope = (bytes: Uint8Array, flags = 0): Buffer => Buffer.from(encodeEnvelope(flags, bytes));

interface Case {
  readonly what: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string | Buffer;
  /** What the log says; undefined: a failure of framing. */
  readonly reason: string | undefined;
  readonly code: string;
}

const malformed = { reason: "MALFORMED_REQUEST", code: "invalid_argument" } as const;
const tooLarge = { reason: "MESSAGE_TOO_LARGE", code: "resource_exhausted" } as const;
const framing = { reason: undefined, code: "unimplemented" } as const;

const connectCases: readonly Case[] = [
  { what: "a value of the wrong type", body: `{"clientId":{"x":"${canary}"}}`, ...malformed },
  { what: "a number for a string", body: `{"provider":"${canary}","clientId":17}`, ...malformed },
  { what: "duplicate keys", body: `{"clientId":"${canary}","clientId":"${canary}2"}`, ...malformed },
  { what: "two spellings of one key", body: `{"clientId":"${canary}","client_id":"${canary}2"}`, ...malformed },
  { what: "both sides of a oneof", body: `{"authorizationCode":{"code":"${canary}"},"authorization_code":{}}`, ...malformed },
  { what: "no JSON at all", body: canary, ...malformed },
  { what: "an array", body: `["${canary}"]`, ...malformed },
  { what: "nothing", body: "", ...malformed },
  { what: "nesting without end", body: deepJson, ...malformed },
  { what: "a time limit that is none", headers: { "connect-timeout-ms": canary }, body: "{}", ...malformed },
  { what: "an unknown encoding", headers: { "content-encoding": canary }, body: "{}", ...framing },
  { what: "gzip that is none", headers: { "content-encoding": "gzip" }, body: canary, ...malformed },
  {
    what: "a gzip bomb",
    headers: { "content-encoding": "gzip" },
    body: gzipSync(JSON.stringify({ clientId: "x".repeat(5_000_000) })),
    ...tooLarge,
  },
  {
    what: "a brotli bomb",
    headers: { "content-encoding": "br" },
    body: brotliCompressSync(JSON.stringify({ clientId: "x".repeat(5_000_000) })),
    ...tooLarge,
  },
  { what: "an oversized body", body: JSON.stringify({ clientId: canary.repeat(10_000) }), ...tooLarge },
  { what: "bytes that are no message", headers: { "content-type": "application/proto" }, body: badMessage, ...malformed },
  { what: "text that is not UTF-8", headers: { "content-type": "application/proto" }, body: badUtf8, ...malformed },
];

const envelopeCases = (type: string): readonly Case[] => [
  { what: "bytes that are no message", body: envelope(badMessage), ...malformed },
  { what: "text that is not UTF-8", body: envelope(badUtf8), ...malformed },
  {
    what: "JSON of the wrong type",
    headers: { "content-type": `${type}+json` },
    body: envelope(Buffer.from(`{"clientId":{"x":"${canary}"}}`)),
    ...malformed,
  },
  { what: "no message", body: "", ...framing },
  { what: "a second message", body: Buffer.concat([envelope(message), envelope(message)]), ...framing },
  { what: "a message that ends early", body: envelope(message).subarray(0, 9), ...malformed },
  { what: "a length of 4 GiB", body: Buffer.from([0, 0xff, 0xff, 0xff, 0xff, 1]), ...tooLarge },
  { what: "an oversized message", body: envelope(bomb), ...tooLarge },
  { what: "a gzip bomb", headers: { "grpc-encoding": "gzip" }, body: envelope(gzipSync(bomb), 1), ...tooLarge },
  { what: "gzip that is none", headers: { "grpc-encoding": "gzip" }, body: envelope(Buffer.from(canary), 1), ...malformed },
  { what: "a compressed message without an encoding", body: envelope(gzipSync(message), 1), ...malformed },
  { what: "an unknown encoding", headers: { "grpc-encoding": canary }, body: envelope(message), ...framing },
  { what: "a time limit that is none", headers: { "grpc-timeout": canary }, body: envelope(message), ...malformed },
];

const grpcStatus: Readonly<Record<string, string>> = { invalid_argument: "3", resource_exhausted: "8", unimplemented: "12" };
let count = 0;

type Over = (request: RawRequest) => Promise<RawAnswer>;

/** Sends one, and sees that its answer says nothing of it and its end says what it was. */
async function check(one: Case, over: Over, { type, path = exchangePath }: { type: string; path?: string }): Promise<RawAnswer> {
  const requestId = `library-${(count += 1)}`;
  const headers = { "content-type": type, "x-request-id": requestId, ...one.headers };
  const answer = await over({ port: rig.port, path, headers, body: one.body });
  expect(answer.everything).not.toContain(canary);
  expect(answer.headers["x-request-id"]).toBe(requestId);
  const end = await rig.end(requestId);
  expect({ reason: end.call.failure?.reason, code: end.code }).toEqual({ reason: one.reason, code: one.code });
  // The header has the id in any case; the detail, where there is one, has it again.
  expect(answer.everything.split(requestId).length - 1).toBe(one.reason === undefined ? 1 : 2);
  return answer;
}

const watchPath = "/grpc.health.v1.Health/Watch";

describe.each([
  ["HTTP/1.1", overH1],
  ["HTTP/2", overH2],
])("errors of the library, over Connect and %s", (_, over) => {
  it.each(connectCases)("quote nothing of $what", async (one) => {
    const answer = await check(one, over, { type: "application/json" });
    const json = JSON.parse(answer.body.toString()) as { code: string; details?: { debug: { reason: string } }[] };
    expect(json.code).toBe(one.code);
    expect(json.details?.[0]?.debug.reason).toBe(one.reason === undefined ? undefined : `ERROR_REASON_${one.reason}`);
  });

  it.each([`{"service":{"x":"${canary}"}}`, canary])("over a stream, stand in its last frame (%s)", async (text) => {
    const one = { what: "", body: envelope(Buffer.from(text)), ...malformed };
    const answer = await check(one, over, { type: "application/connect+json", path: watchPath });
    expect(answer.body[0]).toBe(2);
    const error = `"code":"invalid_argument","message":"The request breaks a rule of its message."`;
    expect(answer.body.subarray(5).toString()).toContain(error);
  });
});

describe.each([
  ["gRPC over HTTP/2", "application/grpc", overH2],
  ["gRPC-Web over HTTP/1.1", "application/grpc-web", overH1],
  ["gRPC-Web over HTTP/2", "application/grpc-web", overH2],
])("errors of the library, over %s", (_, type, over) => {
  const statusOf = (answer: RawAnswer) =>
    type === "application/grpc" ? answer.trailers["grpc-status"] : /grpc-status: ([0-9]+)\r\n/.exec(answer.body.toString("latin1"))?.[1];

  it.each(envelopeCases(type))("quote nothing of $what", async (one) => {
    const answer = await check(one, over, { type });
    expect(statusOf(answer)).toBe(grpcStatus[one.code]);
    expect(answer.everything.includes("grpc-status-details-bin:") || "grpc-status-details-bin" in answer.trailers).toBe(
      one.reason !== undefined,
    );
  });

  it("over a stream too", async () => {
    const answer = await check({ what: "", body: envelope(badMessage), ...malformed }, over, { type, path: watchPath });
    expect(statusOf(answer)).toBe(grpcStatus[malformed.code]);
  });
});

it("costs no seconds to be sent a body byte by byte", async () => {
  const raw = await openRaw(rig.port);
  const body = envelope(toBinary(ExchangeRequestSchema, create(ExchangeRequestSchema, { clientId: "x".repeat(60_000) })));
  const pieces = [...body].map((byte, i) => data(1, Buffer.from([byte]), i === body.length - 1));
  const headers = { "content-type": "application/grpc", "x-request-id": "byte-by-byte" };
  const cpu = process.cpuUsage();
  raw.send(Buffer.concat([preface, emptySettings, settingsAck, postHeaders(1, exchangePath, headers), ...pieces]));
  expect((await rig.end("byte-by-byte")).code).toBe("ok");
  // Joining the pieces anew for each of them takes more than ten times as long.
  expect(process.cpuUsage(cpu).user / 1e6).toBeLessThan(2);
  raw.socket.destroy();
});
