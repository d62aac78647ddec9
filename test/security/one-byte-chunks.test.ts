import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { collectBytes } from "../../src/transport/collected-bytes.ts";
import { data, postHeaders } from "../transport/h2-frames.ts";
import { exchangePath, type PortRig, startPort } from "../transport/port-rig.ts";
import { openRawH2 } from "../transport/raw-h2.ts";
import { openRaw } from "../transport/raw-socket.ts";

const kib64 = 65_536;

describe("chunks", () => {
  it("of one byte each cost no more than the bytes", () => {
    const body = collectBytes(kib64);
    const chunk = Buffer.from("x");
    const tooMuch: number[] = [];
    for (let came = 1; came <= kib64; came += 1) {
      if (!body.add(chunk) || body.kept() > Math.max(1_024, 2 * came)) tooMuch.push(came);
    }
    expect(tooMuch).toEqual([]);
    expect([body.kept(), body.whole().equals(Buffer.alloc(kib64, "x"))]).toEqual([kib64, true]);
  });

  it.each([
    ["one byte at a time", 1],
    ["at once", kib64],
  ])("beyond the bound are refused, and nothing is kept of them: %s", (_name, size) => {
    const body = collectBytes(kib64);
    for (let came = 0; came < kib64; came += size) body.add(Buffer.alloc(size));
    expect([body.add(Buffer.alloc(1)), body.kept(), body.add(Buffer.alloc(0))]).toEqual([false, 0, false]);
  });

  it("are copied: what becomes of a chunk's memory does not change the body", () => {
    const body = collectBytes(kib64);
    const chunk = Buffer.from("abc");
    body.add(chunk);
    chunk.fill("x");
    expect(body.whole().toString()).toBe("abc");
  });

  it("of all sizes come out as they went in", () => {
    const sizes = [1, 1_023, 1, 0, 5_000, 3, 20_000];
    const body = collectBytes(kib64);
    const chunks = sizes.map((size, index) => Buffer.alloc(size, index + 1));
    for (const chunk of chunks) body.add(chunk);
    expect(body.whole().equals(Buffer.concat(chunks))).toBe(true);
  });
});

describe("a body that an attacker sends byte by byte", () => {
  let rig: PortRig;
  beforeAll(async () => {
    rig = await startPort();
  });
  afterAll(() => rig.close());

  const text = JSON.stringify({ clientId: "x".repeat(200) });
  const bytes = Array.from(text, (byte) => Buffer.from(byte));
  const seen = () => rig.backend.seen.at(-1)?.clientId.length;

  it("is answered over HTTP/1.1", async () => {
    const raw = await openRaw(rig.port);
    raw.send(`POST ${exchangePath} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nconnection: close\r\n`);
    raw.send(`transfer-encoding: chunked\r\n\r\n${bytes.map((byte) => `1\r\n${byte.toString()}\r\n`).join("")}0\r\n\r\n`);
    expect(await raw.closed).toMatch(/^HTTP\/1\.1 200 /);
    expect(seen()).toBe(200);
  });

  it("is answered over HTTP/2", async () => {
    const raw = await openRawH2(rig.port);
    const headers = { "content-type": "application/json", "x-request-id": "byte-by-byte" };
    raw.send(Buffer.concat([postHeaders(1, exchangePath, headers), ...bytes.map((byte) => data(1, byte)), data(1, Buffer.alloc(0), true)]));
    expect((await rig.end("byte-by-byte")).status).toBe(200);
    expect(seen()).toBe(200);
    raw.socket.destroy();
  });
});
