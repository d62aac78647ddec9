import { once } from "node:events";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { exchangePath, type PortRig, startPort } from "./port-rig.ts";
import { openRaw } from "./raw-socket.ts";

let rig: PortRig;
beforeEach(async () => {
  rig = await startPort({ limits: { headersMs: 150, bodyMs: 200, checkEveryMs: 20 } });
});
afterEach(() => rig.close());

const bare = (status: string) => `HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\ncache-control: no-store\r\n\r\n`;
const head = `POST ${exchangePath} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n`;
const whole = `${head}content-length: 2\r\n\r\n{}`;
const unreadables = [
  ["bytes that are no HTTP", Buffer.from([0x16, 0x03, 0x01, 0x00, 0xff, 0x00]), "400 Bad Request"],
  ["a version that does not exist", "GET / HTTP/9.9\r\n\r\n", "400 Bad Request"],
  ["two lengths of one body", `${head}content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n{}`, "400 Bad Request"],
  ["a header with a bare line feed in it", `${head}x: a\nb\r\n\r\n`, "400 Bad Request"],
  ["headers without end in bytes", `${head}x: ${"v".repeat(17_000)}\r\n\r\n`, "431 Request Header Fields Too Large"],
  ["headers without end in time", head, "408 Request Timeout"],
  ["CONNECT", "CONNECT localhost:1 HTTP/1.1\r\nhost: localhost:1\r\n\r\n", "501 Not Implemented"],
  ["CONNECT with a body", "CONNECT localhost:1 HTTP/1.1\r\nhost: localhost:1\r\ncontent-length: 9\r\n\r\nx", "501 Not Implemented"],
] as const;

describe("what never becomes a request", () => {
  it.each(unreadables)("is refused, and told of once: %s", async (_, bytes, status) => {
    const raw = await openRaw(rig.port);
    raw.send(bytes);
    expect(await raw.closed).toBe(bare(status));
    expect([rig.unreadable, rig.ended]).toEqual([[Number(status.slice(0, 3))], []]);
  });

  it("is refused after a request that was answered, too", async () => {
    const raw = await openRaw(rig.port);
    raw.send(whole);
    const answered = await raw.until("token for ");
    raw.send("nonsense\r\n\r\n");
    expect(await raw.closed).toBe(answered + bare("400 Bad Request"));
    expect([rig.unreadable, rig.ended.map((one) => one.status)]).toEqual([[400], [200]]);
  });

  it.each([
    ["nonsense", "nonsense\r\n\r\n", 400],
    ["CONNECT", "CONNECT localhost:1 HTTP/1.1\r\nhost: localhost:1\r\n\r\n", 501],
  ])("does not get its refusal into an answer that is under way: %s", async (_, bytes, status) => {
    const raw = await openRaw(rig.port);
    const watch = "POST /grpc.health.v1.Health/Watch HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/connect+json\r\n";
    raw.send(Buffer.concat([Buffer.from(`${watch}content-length: 7\r\n\r\n`), Buffer.from([0, 0, 0, 0, 2]), Buffer.from("{}")]));
    const answered = await raw.until("SERVING");
    raw.send(bytes);
    expect(await raw.closed).toBe(answered);
    expect(rig.unreadable).toEqual([status]);
  });

  it("ends the requests before it that have no answer yet, and each is told of for itself", async () => {
    const raw = await openRaw(rig.port);
    const held = `{"provider":"held"}`;
    raw.send(`${head}content-length: ${held.length}\r\nx-request-id: before\r\n\r\n${held}nonsense\r\n\r\n`);
    expect(await raw.closed).toBe(bare("400 Bad Request"));
    expect((await rig.end("before")).status).toBe(499);
    expect(rig.unreadable).toEqual([400]);
  });
});

describe("a request that breaks in its body", () => {
  it.each([
    ["nonsense for a chunk", "zz\r\n", "400 Bad Request"],
    ["a chunk's extensions without end", `1;${"x".repeat(20_000)}`, "413 Payload Too Large"],
    ["no end in time", "1\r\n", "408 Request Timeout"],
  ])("is refused, and told of as the call that it is: %s", async (_, bytes, status) => {
    const raw = await openRaw(rig.port);
    raw.send(`${head}transfer-encoding: chunked\r\nx-request-id: body\r\n\r\n${bytes}`);
    expect(await raw.closed).toBe(bare(status));
    expect((await rig.end("body")).status).toBe(499);
    expect(rig.unreadable).toEqual([]);
  });

  it("is that call also after another on the same connection", async () => {
    const raw = await openRaw(rig.port);
    raw.send(whole);
    await raw.until("token for ");
    raw.send(`${head}transfer-encoding: chunked\r\nx-request-id: second\r\n\r\nzz\r\n`);
    expect(await raw.closed).toMatch(/HTTP\/1\.1 400 /);
    expect((await rig.end("second")).status).toBe(499);
    expect(rig.unreadable).toEqual([]);
  });
});

describe("a connection that fails", () => {
  it("is no request, and not told of", async () => {
    const raw = await openRaw(rig.port);
    raw.send(head);
    const other = await openRaw(rig.port);
    other.send(whole);
    await other.until("token for ");
    const closed = once(raw.socket, "close");
    raw.socket.resetAndDestroy();
    await closed;
    other.socket.destroy();
    await rig.close();
    expect(rig.unreadable).toEqual([]);
  });
});
