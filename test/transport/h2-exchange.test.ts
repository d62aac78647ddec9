import { once } from "node:events";
import { connect, createServer, type IncomingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { H2Request, H2Response, toNode } from "../../src/transport/h2-exchange.ts";

type Handle = (req: H2Request, res: H2Response) => void;

let handle: Handle = () => undefined;
const server = createServer();
server.on("stream", (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, _flags: number, rawHeaders: string[]) => {
  const req = new H2Request(stream, headers, rawHeaders);
  handle(req, new H2Response(req));
});
beforeAll(() => new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve)));
afterAll(() => new Promise((resolve) => server.close(resolve)));

async function ask(given: Handle, headers: Readonly<Record<string, string>> = {}) {
  handle = given;
  const { port } = server.address() as AddressInfo;
  const session = connect(`http://127.0.0.1:${port}`);
  const stream = session.request({ ":method": "POST", ":path": "/a?b=c", ...headers });
  let trailers: IncomingHttpHeaders = {};
  stream.on("trailers", (received) => (trailers = received));
  const response = once(stream, "response");
  stream.end("the body");
  const [head] = await response;
  const body = await text(stream);
  session.close();
  return { head: head as IncomingHttpHeaders, body, trailers };
}

describe("an HTTP/2 request on its stream", () => {
  it("tells its method, path, authority and body", async () => {
    const { body } = await ask((req, res) => {
      const chunks: Buffer[] = [];
      req.on("data", (chunk) => chunks.push(chunk));
      req.on("end", () => {
        res.end(JSON.stringify([req.method, req.url, req.authority, req.complete, Buffer.concat(chunks).toString()]));
      });
    });
    expect(JSON.parse(body)).toEqual(["POST", "/a?b=c", expect.stringMatching(/^127\.0\.0\.1:/), true, "the body"]);
  });

  it("is answered with the headers that were set last, and every cookie by itself", async () => {
    const { head, body, trailers } = await ask((_req, res) => {
      res.setHeader("x-one", "first");
      res.setHeader("x-one", "second");
      res.appendHeader("set-cookie", "a=1");
      res.appendHeader("set-cookie", "b=2");
      res.statusCode = 201;
      res.addTrailers({ "x-behind": "it" });
      res.end("hello");
      res.end("again");
    });
    expect(head).toMatchObject({ ":status": 201, "x-one": "second", "set-cookie": ["a=1", "b=2"] });
    expect([body, trailers["x-behind"]]).toEqual(["hello", "it"]);
  });

  it("is answered with trailers also where there is no body", async () => {
    const { head, body, trailers } = await ask((_req, res) => {
      res.addTrailers({ "grpc-status": "5" });
      res.end();
    });
    expect([head[":status"], body, trailers["grpc-status"]]).toEqual([200, "", "5"]);
  });

  it("lets no header begin another one", async () => {
    const { head } = await ask((_req, res) => {
      res.setHeader("x-echo", "a\r\nset-cookie: stolen=1");
      res.end();
    });
    expect(head["set-cookie"]).toBeUndefined();
  });

  it("goes on as Node's own objects with what was set, and still knows its status", async () => {
    let light: H2Response | undefined;
    const { head, body } = await ask((req, res) => {
      light = res;
      res.setHeader("x-early", "kept");
      const node = toNode(req, res);
      node.res.writeHead(418, { "x-late": "too" });
      node.req.pipe(node.res);
    });
    expect(head).toMatchObject({ ":status": 418, "x-early": "kept", "x-late": "too" });
    expect([body, light?.statusCode]).toEqual(["the body", 418]);
  });

  it("whose client has left is not answered, and nothing is thrown", async () => {
    const left = Promise.withResolvers<H2Response>();
    handle = (_req, res) => {
      res.on("error", () => undefined);
      res.on("close", () => left.resolve(res));
    };
    const session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    const stream = session.request({ ":method": "POST" });
    stream.on("error", () => undefined);
    await once(server, "stream");
    stream.close(8);
    const res = await left.promise;
    expect(() => res.end("too late")).not.toThrow();
    expect(res.headersSent).toBe(false);
    session.close();
  });
});
