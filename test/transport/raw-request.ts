// One request over HTTP/1.1 or HTTP/2 with exactly these headers and bytes, and everything that came back, as one text too:
// for asserting what an answer does not contain.

import { request as request1 } from "node:http";
import { connect } from "node:http2";

export interface RawAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly trailers: Readonly<Record<string, unknown>>;
  readonly body: Buffer;
  /** Status, headers, body and trailers. */
  readonly everything: string;
}

export interface RawRequest {
  readonly port: number;
  readonly path: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
}

export function overH1({ port, path, method = "POST", headers = {}, body = "" }: RawRequest): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const req = request1({ host: "127.0.0.1", port, path, method, headers, agent: false }, (res) => {
      const chunks: Buffer[] = [];
      res.on("data", (chunk: Buffer) => chunks.push(chunk));
      res.once("error", reject);
      res.once("end", () => resolve(answer(res.statusCode ?? 0, { headers: res.headers, trailers: res.trailers, chunks })));
    });
    req.once("error", reject);
    req.end(body);
  });
}

export function overH2({ port, path, method = "POST", headers = {}, body = "" }: RawRequest): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const session = connect(`http://127.0.0.1:${port}`);
    session.once("error", reject);
    const stream = session.request({ ":path": path, ":method": method, ...headers }, { endStream: false });
    let head: Record<string, unknown> = {};
    let trailers: Record<string, unknown> = {};
    const chunks: Buffer[] = [];
    stream.once("response", (received) => (head = received));
    stream.once("trailers", (received) => (trailers = received));
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.once("error", reject);
    stream.once("close", () => {
      session.close();
      resolve(answer(Number(head[":status"]), { headers: head, trailers, chunks }));
    });
    stream.end(body);
  });
}

function answer(status: number, got: { headers: object; trailers: object; chunks: readonly Buffer[] }): RawAnswer {
  const body = Buffer.concat(got.chunks);
  const headers = { ...got.headers };
  const trailers = { ...got.trailers };
  // Details are base64, in trailers or, for gRPC-Web, in the body's last frame.
  const inBody = /grpc-status-details-bin: ([A-Za-z0-9+/=]+)/.exec(body.toString("latin1"))?.[1] ?? "";
  const encoded = "grpc-status-details-bin" in trailers ? String(trailers["grpc-status-details-bin"]) : inBody;
  const details = Buffer.from(encoded, "base64").toString("latin1");
  const everything = [status, JSON.stringify(headers), body.toString("latin1"), JSON.stringify(trailers), details].join("\n");
  return { status, headers, trailers, body, everything };
}
