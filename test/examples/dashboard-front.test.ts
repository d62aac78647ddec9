import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createFront } from "../../examples/dashboard/front.ts";

interface Seen {
  readonly line: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

let part: Server;
let front: Server;
let seen: Seen[];

beforeAll(async () => {
  part = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => void (body += chunk.toString()));
    request.on("end", () => {
      seen.push({ line: `${request.method} ${request.url}`, headers: request.headers, body });
      response.end(`answer to ${request.url}`);
    });
  });
  await once(part.listen(0, "localhost"), "listening");
  const address = `http://localhost:${(part.address() as AddressInfo).port}`;
  front = createFront(
    new Map(),
    () => address,
    () => undefined,
  );
  await once(front.listen(0, "localhost"), "listening");
});
afterAll(async () => {
  for (const server of [front, part]) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});
beforeEach(() => {
  seen = [];
});

/** Bytes on a connection of their own. @returns all that comes back until the front closes it */
function raw(text: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const socket = connect((front.address() as AddressInfo).port, "localhost");
  let got = "";
  socket.on("data", (chunk) => void (got += chunk.toString()));
  socket.on("close", () => resolve(got));
  socket.on("error", reject);
  socket.write(text);
  return promise;
}

const request = (head: string, body = "") => `${head}\r\nHost: front\r\nConnection: close\r\n${body}`;
const hidden = "GET /api/auth/hidden HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 6.6.6.6\r\nCookie: attacker=1\r\n\r\n";
const chunked = `Transfer-Encoding: chunked\r\n\r\n${hidden.length.toString(16)}\r\n${hidden}\r\n0\r\n\r\n`;

describe("the dashboard's front", () => {
  it.each(["GET", "HEAD", "DELETE", "OPTIONS"])("passes on no request that is hidden in the body of a %s", async (method) => {
    const answer = await raw(request(`${method} /api/auth/get-session HTTP/1.1`, chunked));
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    const length = `Content-Length: ${hidden.length}\r\n\r\n${hidden}`;
    expect(await raw(request(`${method} /api/auth/get-session HTTP/1.1`, length))).toMatch(/^HTTP\/1\.1 400 /);
    const next = await raw(request("GET /api/auth/next HTTP/1.1", "\r\n"));
    expect(next).toContain("answer to /api/auth/next");
    expect(seen.map(({ line }) => line)).toEqual(["GET /api/auth/next"]);
  });

  it("passes on a body in pieces as one body, whatever stands in it", async () => {
    expect(await raw(request("POST /api/auth/sign-in HTTP/1.1", chunked))).toContain("answer to /api/auth/sign-in");
    expect(await raw(request("GET /api/auth/next HTTP/1.1", "\r\n"))).toContain("answer to /api/auth/next");
    expect(seen.map(({ line, body }) => [line, body])).toEqual([
      ["POST /api/auth/sign-in", hidden],
      ["GET /api/auth/next", ""],
    ]);
  });

  it("says itself where a request is from, and keeps what a client calls hop-by-hop", async () => {
    const claimed = "X-Forwarded-For: 6.6.6.6\r\nX-Real-IP: 6.6.6.6\r\nConnection: close, x-secret\r\nX-Secret: 1\r\n\r\n";
    await raw(`GET /api/auth/get-session HTTP/1.1\r\nHost: front\r\n${claimed}`);
    const headers = seen[0]?.headers ?? {};
    expect(headers["x-forwarded-for"]).not.toContain("6.6.6.6");
    expect([headers["x-real-ip"], headers["x-secret"]]).toEqual([undefined, undefined]);
  });
});
