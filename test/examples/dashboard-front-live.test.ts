import { createHash } from "node:crypto";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createFront } from "../../examples/dashboard/front.ts";
import { type Listening, listen } from "../../examples/dashboard/serve.ts";
import { eventually } from "../support/eventually.ts";

const key = "dGhlIHNhbXBsZSBub25jZQ==";
const accept = createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
const agreed = `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n`;

/** A backend of bytes: what it is sent, and what it answers to the first of it. */
let part: Server;
let front: Listening;
let seen: string;
let answer: string;
let connections: Set<Socket>;

beforeAll(async () => {
  connections = new Set();
  part = createServer((socket) => {
    connections.add(socket);
    socket.once("close", () => connections.delete(socket));
    socket.on("error", () => socket.destroy());
    socket.once("data", () => socket.write(answer));
    socket.on("data", (chunk) => void (seen += chunk.toString("latin1")));
  });
  await once(part.listen(0, "localhost"), "listening");
  const address = `http://localhost:${(part.address() as AddressInfo).port}`;
  front = await listen(
    createFront(
      new Map(),
      () => address,
      () => undefined,
    ),
    0,
  );
});

afterAll(async () => {
  for (const socket of connections) socket.destroy();
  await front.close();
  await new Promise((resolve) => part.close(resolve));
});

beforeEach(() => {
  seen = "";
  answer = `${agreed}\r\n`;
});

interface Raw {
  readonly socket: Socket;
  readonly got: () => string;
  readonly closed: Promise<unknown>;
}

function raw(text: string): Raw {
  const socket = connect(Number(new URL(front.url).port), "localhost");
  let got = "";
  socket.on("data", (chunk) => void (got += chunk.toString("latin1")));
  socket.on("error", () => socket.destroy());
  socket.write(text);
  return { socket, got: () => got, closed: once(socket, "close") };
}

const lines = (...more: readonly string[]) =>
  `${[
    "GET /api/live HTTP/1.1",
    "Host: front",
    "Upgrade: websocket",
    "Connection: Upgrade",
    `Sec-WebSocket-Key: ${key}`,
    "Sec-WebSocket-Version: 13",
    ...more,
  ].join("\r\n")}\r\n\r\n`;

const hidden = "GET /api/auth/hidden HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 6.6.6.6\r\n\r\n";

describe("the front's way for a WebSocket", () => {
  it("passes on what a handshake is made of, and nothing else that the page's browser sends", async () => {
    const { socket, got, closed } = raw(
      lines(
        "Origin: http://front",
        "Cookie: session=1",
        "Authorization: Bearer abc",
        "X-Forwarded-For: 6.6.6.6",
        "Sec-WebSocket-Protocol: cambio.v1.live, bearer.abc",
        "Sec-WebSocket-Extensions: permessage-deflate",
      ),
    );
    await eventually("the upgrade", () => got().endsWith("\r\n\r\n"));
    expect(got()).toMatch(/^HTTP\/1\.1 101 /);
    const names = [...seen.matchAll(/^([\w-]+):/gm)].map(([, name = ""]) => name.toLowerCase());
    expect(names.toSorted()).toEqual([
      "connection",
      "host",
      "origin",
      "sec-websocket-key",
      "sec-websocket-protocol",
      "sec-websocket-version",
      "upgrade",
      "x-forwarded-for",
      "x-request-id",
    ]);
    expect(seen).not.toContain("6.6.6.6");
    socket.write("a frame");
    await eventually("the frame", () => seen.endsWith("a frame"));
    for (const one of connections) one.end("the last word");
    await eventually("the last word", () => got().endsWith("the last word"));
    socket.end();
    await closed;
  });

  const disagreements: readonly [string, string, RegExp][] = [
    ["answers as to any request", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno", /^HTTP\/1\.1 200 [^]*Connection: close[^]*no/],
    ["refuses", "HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\n\r\n", /^HTTP\/1\.1 426 /],
    ["agrees to another key", `${agreed.replace(accept, accept.toLowerCase())}\r\n`, /^HTTP\/1\.1 502 /],
    ["agrees to another protocol", `${agreed.replace("Upgrade: websocket", "Upgrade: h2c")}\r\n`, /^HTTP\/1\.1 502 /],
  ];

  it.each(disagreements)("opens no way for requests to a backend that %s", async (_, said, expected) => {
    answer = said;
    const { socket, got, closed } = raw(lines());
    await eventually("an answer", () => got().includes("\r\n\r\n"));
    socket.write(hidden);
    await closed;
    expect(got()).toMatch(expected);
    expect(seen).not.toContain("hidden");
  });

  const unclean: readonly [string, string][] = [
    ["something behind it, before any answer", lines() + hidden],
    ["a body", lines(`Content-Length: ${hidden.length}`) + hidden],
    ["a body in pieces", `${lines("Transfer-Encoding: chunked")}${hidden.length.toString(16)}\r\n${hidden}\r\n0\r\n\r\n`],
    ["two keys", lines(`Sec-WebSocket-Key: ${key}`)],
    ["a key that is none", lines().replace(key, "abc")],
    ["another version", lines().replace("Version: 13", "Version: 8")],
    ["HTTP of 1996", lines().replace("HTTP/1.1", "HTTP/1.0")],
  ];

  it.each(unclean)("passes on no handshake with %s", async (_, text) => {
    const { got, closed } = raw(text);
    await closed;
    expect(got()).toMatch(/^HTTP\/1\.1 400 /);
    expect(seen).toBe("");
  });

  it.each([
    ["another protocol", lines("Connection: close").replace("Upgrade: websocket", "Upgrade: h2c")],
    ["another path", lines().replace("/api/live", "/api/protected").replace("Connection: Upgrade", "Connection: Upgrade, close")],
    ["another method", lines("Connection: close", "Content-Length: 0").replace("GET", "POST")],
  ])("takes what asks for %s for an ordinary request", async (_, text) => {
    answer = "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";
    const { got, closed } = raw(text);
    await closed;
    expect(got()).toMatch(/^HTTP\/1\.1 204 /);
    expect(seen.toLowerCase()).not.toContain("upgrade");
  });

  it("says that the backend is away", async () => {
    const lost = await listen(
      createFront(
        new Map(),
        () => undefined,
        () => undefined,
      ),
      0,
    );
    const socket = connect(Number(new URL(lost.url).port), "localhost");
    let got = "";
    socket.on("data", (chunk) => void (got += chunk.toString()));
    socket.write(lines());
    await once(socket, "close");
    expect(got).toMatch(/^HTTP\/1\.1 503 [^]*retry-after: 2[^]*"part":"backend"/);
    await lost.close();
  });

  it("ends with the front, and takes the backend's side along", async () => {
    const { got, closed } = raw(lines());
    await eventually("the upgrade", () => got().includes("101"));
    await front.close();
    await closed;
    await eventually("the end at the backend", () => connections.size === 0);
    expect(got()).toMatch(/^HTTP\/1\.1 101 /);
  });
});
