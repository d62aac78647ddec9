import { connect } from "node:http2";
import { setTimeout as wait } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { data, emptySettings, frame, frameTypes, parseFrames, postHeaders, preface, settingsAck } from "./h2-frames.ts";
import { exchangePath, type PortRig, startPort } from "./port-rig.ts";
import { frameOf, openRawH2 } from "./raw-h2.ts";
import { overH1, overH2 } from "./raw-request.ts";
import { openRaw } from "./raw-socket.ts";

const short = { sniffMs: 150, headersMs: 200, bodyMs: 300, checkEveryMs: 20, exchangeMs: 2_000 };
/** More than the operating systems on both sides keep for a peer that does not read. */
const large = "x".repeat(16_777_216);
let rig: PortRig;
beforeAll(async () => {
  rig = await startPort({ limits: short, plain: [{ method: "GET", path: "/large", handle: async () => ({ status: 200, body: large }) }] });
});
afterAll(() => rig.close());

const json = { "content-type": "application/json" };
const grpc = { "content-type": "application/grpc" };
const hello = Buffer.concat([preface, emptySettings]);

afterEach(async () => {
  const good = { port: rig.port, path: exchangePath, headers: json, body: `{"clientId":"app"}` };
  const answers = await Promise.all([overH1(good), overH2(good)]);
  if (answers.some(({ status }) => status !== 200)) throw new Error("the server no longer answers");
});

/** A POST's head over HTTP/1.1, up to the empty line. */
const head = (lines: readonly string[]): string => `POST ${exchangePath} HTTP/1.1\r\n${lines.join("\r\n")}\r\n`;

const openH2 = () => openRawH2(rig.port);

describe("a client that says too little", () => {
  it.each([
    ["nothing", ""],
    ["part of the HTTP/2 preface", "PRI * HT"],
    ["all of the preface but one byte", preface.subarray(0, 23)],
  ])("is cut off after the sniff's time limit: %s", async (_, bytes) => {
    const raw = await openRaw(rig.port);
    if (bytes !== "") raw.send(bytes);
    // The loop is not blocked by undecided bytes: another client is served, and the limit strikes.
    expect((await overH1({ port: rig.port, path: exchangePath, headers: json, body: "{}" })).status).toBe(200);
    expect(await raw.closed).toBe("");
  });

  it("may send the preface byte by byte, in time", async () => {
    const raw = await openRaw(rig.port);
    raw.socket.setNoDelay(true);
    for (const byte of preface) {
      raw.send(Buffer.from([byte]));
      await wait(1);
    }
    raw.send(emptySettings);
    expect((await frameOf(raw, frameTypes.settings, 0)).type).toBe(frameTypes.settings);
    raw.socket.destroy();
  });

  it("is cut off with 408 when its header never ends", async () => {
    const raw = await openRaw(rig.port);
    raw.send(head(["host: localhost"]));
    expect(await raw.closed).toMatch(/^HTTP\/1\.1 408 /);
  });

  it("is cut off with 408 when its body never ends, and the log has it", async () => {
    const raw = await openRaw(rig.port);
    raw.send(`${head(["host: localhost", "content-type: application/json", "content-length: 100", "x-request-id: slow-h1"])}\r\n{`);
    expect(await raw.closed).toMatch(/^HTTP\/1\.1 408 /);
    expect(await rig.end("slow-h1")).toMatchObject({ status: 499 });
  });

  it("loses only that stream when an HTTP/2 body never ends", async () => {
    const raw = await openH2();
    raw.send(Buffer.concat([postHeaders(1, exchangePath, { ...grpc, "x-request-id": "slow-h2" }), data(1, Buffer.from([0]))]));
    expect((await frameOf(raw, frameTypes.reset, 1)).payload.readUInt32BE()).toBe(8);
    expect((await rig.end("slow-h2")).call.failure?.reason).toBe("DEADLINE_EXCEEDED");
    raw.send(Buffer.concat([postHeaders(3, exchangePath, json), data(3, Buffer.from("{}"), true)]));
    expect(await frameOf(raw, frameTypes.headers, 3)).toBeDefined();
    raw.socket.destroy();
  });

  it("loses the HTTP/1.1 connection whose answer it does not take", async () => {
    const raw = await openRaw(rig.port);
    raw.socket.pause();
    raw.send("GET /large HTTP/1.1\r\nhost: localhost\r\nx-request-id: unread-h1\r\n\r\n");
    expect((await rig.end("unread-h1")).call.method).toBe("/large");
    raw.socket.resume();
    expect((await raw.closed).length).toBeLessThan(large.length);
  });

  it("loses the HTTP/2 stream whose answer it does not take", async () => {
    const raw = await openRaw(rig.port);
    const noWindow = frame(frameTypes.settings, 0, { stream: 0, payload: Buffer.from([0, 4, 0, 0, 0, 0]) });
    raw.send(Buffer.concat([preface, noWindow, postHeaders(1, exchangePath, json), data(1, Buffer.from("{}"), true)]));
    expect((await frameOf(raw, frameTypes.reset, 1)).payload.readUInt32BE()).toBe(8);
    raw.socket.destroy();
  });
});

describe("a client that says too much", () => {
  const many = Object.fromEntries(Array.from({ length: 101 }, (_, i) => [`x-${i}`, "1"]));
  const long = { "x-long": "v".repeat(17_000) };

  it("is refused with 431 for more than a hundred headers, and none is dropped silently", async () => {
    expect(await overH1({ port: rig.port, path: exchangePath, headers: { ...json, ...many }, body: "{}" })).toMatchObject({ status: 431 });
  });

  it("is refused with 431 for more than 16 KiB of headers", async () => {
    expect(await overH1({ port: rig.port, path: exchangePath, headers: { ...json, ...long }, body: "{}" })).toMatchObject({ status: 431 });
  });

  it.each([
    ["more than a hundred headers", many],
    ["more than 16 KiB of headers", long],
  ])("loses the HTTP/2 stream with %s, before it is a request", async (_, headers) => {
    const raw = await openH2();
    await frameOf(raw, frameTypes.settings, 0);
    raw.send(Buffer.concat([settingsAck, postHeaders(1, exchangePath, { ...json, ...headers, "x-request-id": "too-many" })]));
    expect((await frameOf(raw, frameTypes.reset, 1)).payload.readUInt32BE()).toBe(11);
    raw.send(Buffer.concat([postHeaders(3, exchangePath, json), data(3, Buffer.from("{}"), true)]));
    expect(await frameOf(raw, frameTypes.headers, 3)).toBeDefined();
    expect(rig.ended.some((one) => one.call.requestId === "too-many")).toBe(false);
    raw.socket.destroy();
  });

  it("does not get around the bound for bytes by never acknowledging it", async () => {
    const raw = await openH2();
    raw.send(postHeaders(1, exchangePath, { ...json, ...long, "x-request-id": "unacknowledged" }));
    expect(await rig.end("unacknowledged")).toMatchObject({ status: 431, code: "resource_exhausted" });
    raw.socket.destroy();
  });

  it("has its 129th stream refused, and the others served", async () => {
    const raw = await openH2();
    const body = Buffer.from("{}");
    raw.send(Buffer.concat(Array.from({ length: 129 }, (_, i) => postHeaders(1 + 2 * i, exchangePath, json))));
    expect((await frameOf(raw, frameTypes.reset, 257)).payload.readUInt32BE()).toBe(7);
    raw.send(Buffer.concat(Array.from({ length: 128 }, (_, i) => data(1 + 2 * i, body, true))));
    expect(await frameOf(raw, frameTypes.headers, 255)).toBeDefined();
    raw.socket.destroy();
  });
});

describe("a request that is addressed to nobody", () => {
  it.each([
    ["HTTP/1.0 without Host", `POST ${exchangePath} HTTP/1.0\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}`],
    ["HTTP/1.1 without Host", `${head(["content-type: application/json", "content-length: 2"])}\r\n{}`],
    ["a Host with spaces and brackets", `${head(["host: a b<>", "content-type: application/json", "content-length: 2"])}\r\n{}`],
    ["a port that cannot be", `${head(["host: x:99999", "content-type: application/json", "content-length: 2"])}\r\n{}`],
    ["user information", `${head(["host: user@localhost", "content-type: application/json", "content-length: 2"])}\r\n{}`],
    ["a path in Host", `${head(["host: localhost/x", "content-type: application/json", "content-length: 2"])}\r\n{}`],
    ["two Hosts", `${head(["host: localhost", "host: other", "content-type: application/json", "content-length: 2"])}\r\n{}`],
  ])("is a 400 over HTTP/1, and the log has it: %s", async (what, bytes) => {
    const raw = await openRaw(rig.port);
    const id = what.replace(/\W/g, "-");
    raw.send(bytes.replace("content-type", `x-request-id: ${id}\r\ncontent-type`));
    expect(await raw.closed).toMatch(/^HTTP\/1\.1 400 /);
    expect(await rig.end(id)).toMatchObject({
      status: 400,
      call: { protocol: "http", method: "unmatched", failure: { reason: "MALFORMED_REQUEST" } },
    });
  });

  it.each(["x:99999", "a%zz", "[::1"])("is a 400 over HTTP/2: :authority %j", async (authority) => {
    const raw = await openH2();
    const id = `authority-${rig.ended.length}`;
    const headers = { ...json, ":authority": authority, "x-request-id": id };
    raw.send(Buffer.concat([postHeaders(1, exchangePath, headers), data(1, Buffer.from("{}"), true)]));
    expect(await rig.end(id)).toMatchObject({ status: 400, call: { failure: { reason: "MALFORMED_REQUEST" } } });
    raw.socket.destroy();
  });

  it.each(["user@localhost", ""])("is refused by the protocol layer already: :authority %j", async (authority) => {
    const raw = await openH2();
    raw.send(postHeaders(1, exchangePath, { ...json, ":authority": authority }));
    expect((await frameOf(raw, frameTypes.reset, 1)).payload.readUInt32BE()).toBe(1);
    raw.socket.destroy();
  });

  it("is refused for CONNECT over HTTP/2, which has no path, and the log has it", async () => {
    const session = connect(`http://127.0.0.1:${rig.port}`);
    const stream = session.request({ ":method": "CONNECT", ":authority": "localhost:1", "x-request-id": "tunnel" });
    const status = await new Promise((resolve) => stream.once("response", (headers) => resolve(headers[":status"])));
    expect(status).toBe(501);
    stream.close();
    expect(await rig.end("tunnel")).toMatchObject({ status: 501, code: "unimplemented", call: { protocol: "http", method: "unmatched" } });
    session.destroy();
  });
});

describe("a request with an expectation that nobody knows", () => {
  it.each([
    ["HTTP/1.1", overH1],
    ["HTTP/2", overH2],
  ])("is a request like any other over %s, and the log has it", async (version, over) => {
    const headers = { ...json, expect: "the-impossible", "x-request-id": `expects.${version.replace("/", "-")}` };
    expect((await over({ port: rig.port, path: exchangePath, headers, body: "{}" })).status).toBe(200);
    expect(await rig.end(headers["x-request-id"])).toMatchObject({ status: 200, code: "ok" });
  });
});

describe("a client that waits for leave before it sends its body", () => {
  it.each(["100-continue", "100-Continue"])("is given it over HTTP/2, and its answer: expect %s", async (expectation) => {
    const session = connect(`http://127.0.0.1:${rig.port}`);
    const stream = session.request({ ":method": "POST", ":path": exchangePath, ...json, expect: expectation });
    const answered = new Promise((resolve) => stream.once("response", (headers) => resolve(headers[":status"])));
    stream.once("continue", () => stream.end("{}"));
    expect(await answered).toBe(200);
    session.destroy();
  });
});

describe("a client that breaks off or talks nonsense", () => {
  it("is dropped in the middle of a request", async () => {
    const raw = await openRaw(rig.port);
    raw.send(`${head(["host: localhost", "content-type: application/json", "content-length: 100", "x-request-id: reset-h1"])}\r\n{`);
    await wait(20);
    raw.socket.resetAndDestroy();
    expect(await rig.end("reset-h1")).toMatchObject({ status: 499 });
  });

  it("is dropped in the middle of an answer that it waited for", async () => {
    const raw = await openH2();
    raw.send(
      Buffer.concat([
        postHeaders(1, exchangePath, { ...json, "x-request-id": "reset-h2" }),
        data(1, Buffer.from(`{"provider":"listening"}`), true),
      ]),
    );
    await frameOf(raw, frameTypes.settings, 0);
    await wait(20);
    raw.socket.resetAndDestroy();
    expect(await rig.end("reset-h2")).toMatchObject({ status: 499, call: { failure: { reason: "DEADLINE_EXCEEDED" } } });
  });

  it("is dropped for bytes after the preface that are no frames", async () => {
    const raw = await openRaw(rig.port);
    raw.send(Buffer.concat([hello, Buffer.alloc(4_096, 0xa5)]));
    expect(parseFrames(await raw.closed).some((one) => one.type === frameTypes.goaway)).toBe(true);
  });

  it("is not kept when it leaves without a word, over either version", async () => {
    const h2 = await openH2();
    await frameOf(h2, frameTypes.settings, 0);
    const h1 = await openRaw(rig.port);
    h1.send("GET /nowhere HTTP/1.1\r\nhost: localhost\r\n\r\n");
    await h1.until("404");
    for (const raw of [h1, h2]) raw.socket.end();
    // Well before any time limit of an idle connection.
    expect(await Promise.all([h1.closed, h2.closed])).toHaveLength(2);
  });
});

describe("somebody who opens connections beyond their number", () => {
  it("is dropped at once, long before any time limit, and those who were there before are served", async () => {
    const small = await startPort({ limits: { connections: 2, sniffMs: 60_000 } });
    const held = [await openRaw(small.port), await openRaw(small.port)];
    const third = await openRaw(small.port);
    expect(await third.closed).toBe("");
    for (const one of held) {
      one.send("GET /nowhere HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
      expect(await one.closed).toMatch(/^HTTP\/1\.1 404 /);
    }
    await small.close();
  });
});
