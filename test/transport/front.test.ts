import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { requestIdOf } from "../../src/transport/request-id.ts";
import { exchangePath, type PortRig, startPort } from "./port-rig.ts";
import { data, emptySettings, postHeaders, preface } from "./h2-frames.ts";
import { overH1, overH2 } from "./raw-request.ts";
import { openRaw } from "./raw-socket.ts";

let rig: PortRig;
beforeAll(async () => {
  rig = await startPort();
});
afterAll(() => rig.close());

const json = { "content-type": "application/json" };
let count = 0;
const freshId = () => `front-${(count += 1)}`;

describe.each([
  ["HTTP/1.1", overH1],
  ["HTTP/2", overH2],
])("the way in, over %s", (_, over) => {
  it.each(["GET", "HEAD", "PUT", "DELETE", "PATCH"])("takes no %s for an RPC, whatever the address carries", async (method) => {
    const id = freshId();
    const path = `${exchangePath}?connect=v1&encoding=json&message=%7B%7D`;
    const answer = await over({ port: rig.port, path, method, headers: { ...json, "x-request-id": id } });
    expect(answer).toMatchObject({ status: 405, headers: { allow: "POST, OPTIONS" } });
    expect(await rig.end(id)).toMatchObject({ code: "unimplemented", status: 405, call: { failure: undefined } });
  });

  it.each(["text/plain", "application/grpc-web-text", "application/connect+json", "application/jsonx", ""])(
    "refuses content of type %j with 415",
    async (type) => {
      const id = freshId();
      const headers = type === "" ? { "x-request-id": id } : { "content-type": type, "x-request-id": id };
      expect((await over({ port: rig.port, path: exchangePath, headers, body: "{}" })).status).toBe(415);
      expect(await rig.end(id)).toMatchObject({ code: "unimplemented", status: 415 });
    },
  );

  it.each(["/", "/nowhere", `${exchangePath}/`, "/cambio.v1.TokenExchangeService/exchange", "//"])(
    "has nothing at %s, and one name for all such paths",
    async (path) => {
      const id = freshId();
      const answer = await over({ port: rig.port, path, headers: { ...json, "x-request-id": id }, body: "{}" });
      expect(answer.status).toBe(404);
      expect(JSON.parse(answer.body.toString())).toEqual({
        error: "invalid_request",
        error_description: "There is nothing at this path.",
        request_id: id,
      });
      expect((await rig.end(id)).call).toMatchObject({ method: "unmatched", protocol: "http" });
    },
  );

  it("keeps every answer out of caches, and compresses none", async () => {
    const big = JSON.stringify({ clientId: "x".repeat(5_000) });
    const answer = await over({ port: rig.port, path: exchangePath, headers: { ...json, "accept-encoding": "gzip, br" }, body: big });
    expect(answer.headers).toMatchObject({ "cache-control": "no-store" });
    expect(answer.headers).not.toHaveProperty("content-encoding");
    for (const path of ["/nowhere", exchangePath]) {
      expect((await over({ port: rig.port, path, method: "GET" })).headers).toMatchObject({ "cache-control": "no-store" });
    }
  });
});

it("has nothing at an absolute address with an impossible port", async () => {
  expect((await overH1({ port: rig.port, path: "http://x:99999/", headers: json, body: "{}" })).status).toBe(404);
});

describe("the request id", () => {
  it.each(["a", "A-1_b.2", "f".repeat(64)])("is the caller's own where it is harmless: %s", async (id) => {
    expect((await overH1({ port: rig.port, path: "/", headers: { "x-request-id": id } })).headers["x-request-id"]).toBe(id);
  });

  it.each(["", "a b", "ü", "f".repeat(65), 'x"}\n{"level":"error', "<script>", "a,b"])("is a fresh one for %j", (id) => {
    expect(requestIdOf(id, () => "fresh")).toBe("fresh");
    expect(requestIdOf([id, id], () => "fresh")).toBe("fresh");
    expect(requestIdOf(undefined, () => "fresh")).toBe("fresh");
  });
});

describe("a repeated authorization header", () => {
  it("is refused over HTTP/1.1, before the gate picks one of the two", async () => {
    const raw = await openRaw(rig.port);
    const lines = ["host: localhost", "content-type: application/json", "content-length: 2", "connection: close", "x-request-id: twice-h1"];
    raw.send(`POST ${exchangePath} HTTP/1.1\r\n${lines.join("\r\n")}\r\nauthorization: Basic a\r\nAuthorization: Basic b\r\n\r\n{}`);
    expect(await raw.closed).toMatch(/^HTTP\/1\.1 401 /);
    expect((await rig.end("twice-h1")).call.failure?.reason).toBe("CALLER_UNAUTHENTICATED");
  });

  it("is refused over HTTP/2", async () => {
    const raw = await openRaw(rig.port);
    const headers = { ...json, authorization: "Basic a", "x-request-id": "twice-h2" };
    // One header block, the second header appended to its end.
    const block = postHeaders(1, exchangePath, headers);
    const again = Buffer.concat([Buffer.from([0, 13]), Buffer.from("authorization"), Buffer.from([7]), Buffer.from("Basic b")]);
    const whole = Buffer.concat([block, again]);
    whole.writeUIntBE(whole.length - 9, 0, 3);
    raw.send(Buffer.concat([preface, emptySettings, whole, data(1, Buffer.from("{}"), true)]));
    expect((await rig.end("twice-h2")).call.failure?.reason).toBe("CALLER_UNAUTHENTICATED");
    raw.socket.destroy();
  });
});
