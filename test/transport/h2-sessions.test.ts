import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { eventually } from "../support/eventually.ts";
import { data, emptySettings, frame, frameTypes, parseFrames, postHeaders, preface, settingsAck } from "./h2-frames.ts";
import { exchangePath, type PortRig, startPort } from "./port-rig.ts";
import { frameOf, openRawH2 } from "./raw-h2.ts";
import { openRaw } from "./raw-socket.ts";

const streams = 4;
let rig: PortRig;
beforeEach(async () => {
  rig = await startPort({ limits: { streamsPerConnection: streams, ageGraceMs: 300 } });
});
afterEach(() => rig.close());

const json = { "content-type": "application/json" };
const cancelCode = Buffer.from([0, 0, 0, 8]);

/** Streams, from the first on, which the client takes back in the same breath. */
const takenBack = (count: number): Buffer =>
  Buffer.concat(
    Array.from({ length: count }, (_, i) => 1 + 2 * i).flatMap((stream) => [
      postHeaders(stream, exchangePath, json),
      frame(frameTypes.reset, 0, { stream, payload: cancelCode }),
    ]),
  );

/** A client that has agreed on the number of streams. */
async function openSettled() {
  const raw = await openRawH2(rig.port);
  await frameOf(raw, frameTypes.settings, 0);
  raw.send(settingsAck);
  return raw;
}

describe("a client that opens streams and takes them back at once", () => {
  it("loses its connection once it has opened more beyond its number than it may have at a time", async () => {
    const raw = await openSettled();
    raw.send(takenBack(streams + 2 * streams));
    expect(parseFrames(await raw.closed).some((one) => one.type === frameTypes.goaway)).toBe(true);
    expect(rig.backend.seen).toEqual([]);
  });

  it("keeps it where they were fewer", async () => {
    const raw = await openSettled();
    raw.send(takenBack(streams + streams));
    await eventually("the end of those that were taken", () => rig.ended.length === streams);
    const next = 1 + 4 * streams;
    raw.send(Buffer.concat([postHeaders(next, exchangePath, json), data(next, Buffer.from("{}"), true)]));
    expect(await frameOf(raw, frameTypes.headers, next)).toBeDefined();
    raw.socket.destroy();
  });
});

describe("a client that breaks the protocol stream by stream", () => {
  const impossible = { ...json, ":authority": "user@localhost" };

  it("loses its connection after a few dozen of them", async () => {
    const raw = await openRawH2(rig.port);
    for (let i = 0; i < 40; i += 1) raw.send(postHeaders(1 + 2 * i, exchangePath, impossible));
    expect(parseFrames(await raw.closed).some((one) => one.type === frameTypes.goaway)).toBe(true);
  });

  it("keeps it after a few", async () => {
    const raw = await openRawH2(rig.port);
    for (let i = 0; i < 10; i += 1) raw.send(postHeaders(1 + 2 * i, exchangePath, impossible));
    await frameOf(raw, frameTypes.reset, 19);
    raw.send(Buffer.concat([postHeaders(101, exchangePath, json), data(101, Buffer.from("{}"), true)]));
    expect(await frameOf(raw, frameTypes.headers, 101)).toBeDefined();
    raw.socket.destroy();
  });
});

const request = (stream: number, provider: string, id: string) =>
  Buffer.concat([
    postHeaders(stream, exchangePath, { ...json, "x-request-id": id }),
    data(stream, Buffer.from(JSON.stringify({ provider })), true),
  ]);

describe("a client that says farewell (GOAWAY)", () => {
  const farewell = frame(frameTypes.goaway, 0, { stream: 0, payload: Buffer.alloc(8) });
  it("has its streams answered", async () => {
    const raw = await openSettled();
    raw.send(Buffer.concat([request(1, "held", "before.farewell"), farewell]));
    await eventually("the call", () => rig.backend.seen.length === 1);
    rig.backend.release();
    expect((await rig.end("before.farewell")).status).toBe(200);
    raw.socket.destroy();
  });

  it("and then breaks the protocol loses its connection, and its calls end", async () => {
    const raw = await openSettled();
    // Nobody opened the second stream.
    raw.send(Buffer.concat([request(1, "", "broken.farewell"), farewell, data(3, Buffer.from("x"))]));
    await raw.closed;
    expect((await rig.end("broken.farewell")).call.method).toBe(exchangePath.slice(1));
  });
});

describe("a request that waits for leave to send its body, and was taken back in the connection's first packet", () => {
  it.each([0, 8])("ends as one whose client left, and the process goes on: code %i", async (code) => {
    const raw = await openRaw(rig.port);
    const headers = postHeaders(1, exchangePath, { ...json, expect: "100-continue", "x-request-id": "taken.back" });
    const reset = frame(frameTypes.reset, 0, { stream: 1, payload: Buffer.from([0, 0, 0, code]) });
    raw.send(Buffer.concat([preface, emptySettings, headers, reset]));
    expect((await rig.end("taken.back")).status).toBe(499);
    raw.socket.destroy();
  });
});
