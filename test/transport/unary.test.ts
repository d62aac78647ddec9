// The usual unary call has a way of its own, and the unusual one goes through the Connect library. A content type that is spelled
// otherwise is unusual and means the same, so that one request can be sent both ways: nobody may tell the answers apart.

import { getEventListeners, once } from "node:events";
import { connect } from "node:http2";
import { create, toBinary } from "@bufbuild/protobuf";
import { encodeEnvelope } from "@connectrpc/connect/protocol";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ExchangeRequestSchema } from "../../gen/cambio/v1/token_exchange_service_pb.ts";
import { eventually } from "../support/eventually.ts";
import { canary, exchangePath, page, type PortRig, startPort } from "./port-rig.ts";
import { overH1, overH2, type RawAnswer } from "./raw-request.ts";
import { openRaw } from "./raw-socket.ts";

let rig: PortRig;
beforeAll(async () => {
  rig = await startPort({
    gate: async (context, { authorization }) => {
      if (authorization === "late") await Promise.resolve();
      context.responseHeader.append("set-cookie", "a=1");
      context.responseHeader.append("set-cookie", "b=2");
      context.responseHeader.set("x-of-the-gate", context.requestHeader.get("x-asked") ?? "nothing");
      context.responseTrailer.set("x-behind", "the answer");
    },
  });
});
afterAll(() => rig.close());

interface Spelling {
  readonly name: string;
  readonly send: typeof overH1;
  readonly usual: string;
  readonly unusual: string;
  readonly form: "json" | "binary" | "enveloped json" | "enveloped binary";
}

const spellings: readonly Spelling[] = [
  {
    name: "Connect with JSON over HTTP/1.1",
    send: overH1,
    usual: "application/json",
    unusual: "application/json; charset=utf-8",
    form: "json",
  },
  { name: "Connect with JSON over HTTP/2", send: overH2, usual: "application/json", unusual: "application/JSON", form: "json" },
  { name: "Connect in binary over HTTP/2", send: overH2, usual: "application/proto", unusual: "Application/Proto", form: "binary" },
  { name: "gRPC", send: overH2, usual: "application/grpc", unusual: "application/gRPC", form: "enveloped binary" },
  {
    name: "gRPC, named in full",
    send: overH2,
    usual: "application/grpc+proto",
    unusual: "APPLICATION/GRPC+PROTO",
    form: "enveloped binary",
  },
  { name: "gRPC with JSON", send: overH2, usual: "application/grpc+json", unusual: "application/grpc+JSON", form: "enveloped json" },
  {
    name: "gRPC-Web over HTTP/1.1",
    send: overH1,
    usual: "application/grpc-web+proto",
    unusual: "application/gRPC-web+proto",
    form: "enveloped binary",
  },
  { name: "gRPC-Web over HTTP/2", send: overH2, usual: "application/grpc-web", unusual: "Application/grpc-web", form: "enveloped binary" },
  {
    name: "gRPC-Web with JSON",
    send: overH2,
    usual: "application/grpc-web+json",
    unusual: "application/grpc-web+Json",
    form: "enveloped json",
  },
];

const asked = (provider: string, form: Spelling["form"]): Buffer => {
  const message = form.endsWith("json")
    ? Buffer.from(JSON.stringify({ clientId: canary, provider }))
    : Buffer.from(toBinary(ExchangeRequestSchema, create(ExchangeRequestSchema, { clientId: canary, provider })));
  return form.startsWith("enveloped") ? Buffer.from(encodeEnvelope(0, message)) : message;
};

interface Asked {
  readonly what: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: (form: Spelling["form"]) => Buffer;
}

const requests: readonly Asked[] = [
  { what: "an answer", body: (form) => asked("", form) },
  {
    what: "an answer to a page, through a gate that waits",
    headers: { origin: page, authorization: "late", "x-asked": "so" },
    body: (form) => asked("", form),
  },
  { what: "a refusal of the operation", body: (form) => asked("expired", form) },
  { what: "a defect", body: (form) => asked("broken", form) },
  { what: "an error that the handler took from the library", body: (form) => asked("library", form) },
  {
    what: "a handler that does not listen, and a short time limit",
    headers: { "grpc-timeout": "20m", "connect-timeout-ms": "20" },
    body: (form) => asked("deaf", form),
  },
  {
    what: "a handler that listens, and a short time limit",
    headers: { "grpc-timeout": "20m", "connect-timeout-ms": "20" },
    body: (form) => asked("listening", form),
  },
  { what: "a time limit that is none", headers: { "grpc-timeout": canary, "connect-timeout-ms": canary }, body: (form) => asked("", form) },
  { what: "a time limit of zero", headers: { "grpc-timeout": "0m", "connect-timeout-ms": "0" }, body: (form) => asked("held", form) },
  { what: "rubbish", body: () => Buffer.from(canary) },
  { what: "nothing, behind a gate that waits", headers: { authorization: "late" }, body: () => Buffer.alloc(0) },
  { what: "nothing", body: () => Buffer.alloc(0) },
  { what: "half of it", body: (form) => asked("", form).subarray(0, 9) },
  { what: "something behind it", body: (form) => Buffer.concat([asked("", form), asked("", form)]) },
  { what: "more than it may hold", body: (form) => asked("x".repeat(70_000), form) },
];

/** Without what is another for every call, and what the gRPC library tells a client of its own compression. */
function essence({ status, headers, trailers, body }: RawAnswer): unknown {
  const own = new Set(["date", "x-request-id", "connection", "keep-alive", "transfer-encoding", "content-length", "grpc-encoding"]);
  const of = (fields: object) => Object.fromEntries(Object.entries(fields).filter(([name]) => !own.has(name)));
  return { status, headers: of(headers), trailers: of(trailers), body: body.toString("latin1") };
}

describe.each(spellings)("a unary call over $name", ({ send, usual, unusual, form }) => {
  it.each(requests)("is answered alike on both ways: $what", async ({ headers = {}, body }) => {
    const [one, other] = await Promise.all(
      [usual, unusual].map((type) =>
        send({
          port: rig.port,
          path: exchangePath,
          headers: { "content-type": type, "x-request-id": "the-same", ...headers },
          body: body(form),
        }),
      ),
    );
    if (one === undefined || other === undefined) throw new Error("two were sent");
    expect(essence(one)).toEqual(essence(other));
    expect((one.everything + other.everything).replaceAll(`token for ${canary}`, "")).not.toContain(canary);
  });
});

async function startSlowGate() {
  const process = new AbortController();
  const reached = Promise.withResolvers<void>();
  const slow = await startPort({
    shutdownSignal: process.signal,
    gate: async ({ signal }) => {
      const left = once(signal, "abort");
      reached.resolve();
      await left;
      await new Promise((resolve) => setImmediate(resolve));
    },
  });
  return { slow, reached: reached.promise, kept: () => getEventListeners(process.signal, "abort").length };
}

describe("a client that leaves while the gate waits, before its body was looked at", () => {
  it("leaves nothing behind over HTTP/2", async () => {
    const { slow, reached, kept } = await startSlowGate();
    const session = connect(slow.base);
    const stream = session.request({ ":method": "POST", ":path": exchangePath, "content-type": "application/grpc" });
    stream.on("error", () => undefined);
    await reached;
    stream.close(8);
    await eventually("the end of the call", () => slow.ended.length === 1);
    await eventually("nobody waiting for the process to stop", () => kept() === 0);
    expect(slow.ended).toHaveLength(1);
    session.close();
    await slow.close();
  });

  it("leaves nothing behind over HTTP/1.1", async () => {
    const { slow, reached, kept } = await startSlowGate();
    const raw = await openRaw(slow.port);
    raw.send(`POST ${exchangePath} HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 5\r\n\r\n`);
    await reached;
    raw.socket.destroy();
    await eventually("the end of the call", () => slow.ended.length === 1);
    await eventually("nobody waiting for the process to stop", () => kept() === 0);
    expect(slow.ended).toHaveLength(1);
    await slow.close();
  });
});
