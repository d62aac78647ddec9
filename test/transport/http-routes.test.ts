import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ExchangeError } from "../../src/exchange/errors.ts";
import { createHttpRoutes, type PlainRequest, type PlainRoute } from "../../src/transport/http-routes.ts";
import { defaultLimits } from "../../src/transport/limits.ts";
import { createOpenBodies } from "../../src/transport/open-bodies.ts";
import { canary, type PortRig, startPort } from "./port-rig.ts";
import { overH1, overH2 } from "./raw-request.ts";
import { openRaw } from "./raw-socket.ts";

const seen: PlainRequest[] = [];
const hangs = Promise.withResolvers<never>();

async function echo(request: PlainRequest) {
  seen.push(request);
  if (request.body === '"broken"') throw new Error(canary);
  if (request.body === '"refused"') throw new ExchangeError("GRANT_INVALID");
  if (request.body === '"hangs"') return await hangs.promise;
  return { status: 200, headers: { "content-type": "text/plain" }, body: `${request.body}|${request.query}` };
}

const routes: readonly PlainRoute[] = [
  { method: "POST", path: "/api/auth/exchange", accepts: "application/json", surface: "token", handle: echo },
  { method: "GET", path: "/livez", handle: echo },
];

let rig: PortRig;
beforeAll(async () => {
  rig = await startPort({ plain: routes, deadlineMs: 200, limits: { headersMs: 200, bodyMs: 300, checkEveryMs: 20 } });
});
afterAll(() => rig.close());

const json = { "content-type": "application/json" };
let count = 0;
const freshId = () => `plain-${(count += 1)}`;

describe.each([
  ["HTTP/1.1", overH1],
  ["HTTP/2", overH2],
])("a plain route over %s", (_, over) => {
  const post = (body: string | Buffer, headers: Record<string, string> = json) =>
    over({ port: rig.port, path: "/api/auth/exchange", headers, body });
  const get = (path: string, method = "GET") => over({ port: rig.port, path, method });

  it("gets the body as a text, and its answer goes out as it is", async () => {
    const id = freshId();
    const answer = await post('{"ü":1}', {
      "content-type": "Application/JSON; charset=utf-8",
      "x-request-id": id,
      origin: "https://app.example.com",
    });
    expect(answer).toMatchObject({
      status: 200,
      headers: { "content-type": "text/plain", "cache-control": "no-store", "x-request-id": id },
    });
    expect(answer.body.toString()).toBe('{"ü":1}|');
    expect(seen.at(-1)?.call).toMatchObject({ method: "/api/auth/exchange", protocol: "http", origin: "https://app.example.com" });
    expect(await rig.end(id)).toMatchObject({ status: 200, code: "ok" });
  });

  it("is found without its query, and gets it", async () => {
    expect((await get("/livez?verbose=1")).body.toString()).toBe("|verbose=1");
  });

  it("answers HEAD where it answers GET, with no body", async () => {
    const answer = await get("/livez", "HEAD");
    expect([answer.status, answer.body.length, answer.headers["content-length"]]).toEqual([200, 0, "1"]);
  });

  it.each([
    ["GET", "/api/auth/exchange", "POST, OPTIONS"],
    ["POST", "/livez", "GET, HEAD, OPTIONS"],
    ["OPTIONS", "/livez", "GET, HEAD, OPTIONS"],
  ])("refuses %s %s with 405 and what it allows", async (method, path, allow) => {
    const answer = await get(path, method);
    expect(answer).toMatchObject({ status: 405, headers: { allow } });
    expect(JSON.parse(answer.body.toString())).toMatchObject({ error: "invalid_request" });
  });

  it.each([
    ["another type", { "content-type": "text/plain" }],
    ["a form", { "content-type": "application/x-www-form-urlencoded" }],
    ["no type", {}],
    ["a compressed body", { ...json, "content-encoding": "gzip" }],
  ])("refuses %s with 415, before the body", async (_what, headers) => {
    const before = seen.length;
    expect((await post(gzipSync("{}"), headers)).status).toBe(415);
    expect(seen.length).toBe(before);
  });

  it("refuses more than 64 KiB with 413, and takes 64 KiB", async () => {
    const answer = await post(Buffer.alloc(65_537, "x"));
    expect(answer.status).toBe(413);
    expect(JSON.parse(answer.body.toString())).toMatchObject({ error: "invalid_request", reason: "MESSAGE_TOO_LARGE" });
    expect((await post(Buffer.alloc(65_536, "x"))).status).toBe(200);
  });

  it("refuses bytes that are not UTF-8", async () => {
    expect((await post(Buffer.from([0xff, 0xfe]))).status).toBe(400);
  });

  it("answers a decided failure with its OAuth name, and an unexpected one without a word about it", async () => {
    const id = freshId();
    const refused = await post('"refused"', { ...json, "x-request-id": id });
    expect(refused.status).toBe(400);
    expect(JSON.parse(refused.body.toString())).toEqual({
      error: "invalid_grant",
      error_description: "The code, its verifier or its state is wrong, used or expired.",
      reason: "GRANT_INVALID",
      request_id: id,
    });
    expect(await rig.end(id)).toMatchObject({ status: 400, code: "failed_precondition" });
    const broken = await post('"broken"');
    expect(broken.status).toBe(500);
    expect(broken.everything).not.toContain(canary);
  });

  it("answers by the deadline, whatever its handler does", async () => {
    expect((await post('"hangs"')).status).toBe(504);
  });
});

describe("a plain route", () => {
  const head = "POST /api/auth/exchange HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nconnection: close\r\n";

  it("refuses an announced body that is too large without waiting for it", async () => {
    const raw = await openRaw(rig.port);
    raw.send(`${head}content-length: 1000000000\r\n\r\n`);
    expect(await raw.until("MESSAGE_TOO_LARGE")).toMatch(/^HTTP\/1\.1 413 /);
    raw.socket.destroy();
  });

  it("refuses a chunked body as soon as it is too large", async () => {
    const raw = await openRaw(rig.port);
    raw.send(`${head}transfer-encoding: chunked\r\n\r\n11000\r\n${"x".repeat(0x1_1000)}\r\n`);
    expect(await raw.until("MESSAGE_TOO_LARGE")).toMatch(/^HTTP\/1\.1 413 /);
    raw.socket.destroy();
  });

  it("refuses two authorization headers", async () => {
    const raw = await openRaw(rig.port);
    raw.send(`${head}authorization: Basic a\r\nauthorization: Basic b\r\ncontent-length: 2\r\n\r\n{}`);
    const answer = await raw.closed;
    expect(answer).toMatch(/^HTTP\/1\.1 401 /);
    expect(answer.toLowerCase()).toContain('www-authenticate: basic realm="cambio"');
  });

  it("aborts its handler's signal when the client leaves", async () => {
    const raw = await openRaw(rig.port);
    const id = freshId();
    raw.send(`${head}x-request-id: ${id}\r\ncontent-length: 7\r\n\r\n"hangs"`);
    while (seen.at(-1)?.call.requestId !== id) await new Promise((resolve) => setImmediate(resolve));
    raw.socket.destroy();
    expect((await rig.end(id)).status).toBe(499);
    expect(seen.at(-1)?.signal.aborted).toBe(true);
  });

  it("cannot be declared twice", () => {
    expect(() => createHttpRoutes([...routes, ...routes], { deadlineMs: 1, limits: defaultLimits, bodies: createOpenBodies(1) })).toThrow(
      "two routes for POST /api/auth/exchange",
    );
  });
});
