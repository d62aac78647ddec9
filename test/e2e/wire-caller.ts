// The protocols as bytes on a connection, so that a test decides when a body ends, and whether. What comes back is told in one form
// whoever carried it. Clients that others made are in protocol-callers.ts.

import { type IncomingMessage, request } from "node:http";
import { type ClientSessionOptions, connect, type IncomingHttpHeaders } from "node:http2";
import { toJson } from "@bufbuild/protobuf";
import { type Code, ConnectError } from "@connectrpc/connect";
import { findTrailerError } from "@connectrpc/connect/protocol-grpc";
import { trailerParse } from "@connectrpc/connect/protocol-grpc-web";
import { codeFromString } from "@connectrpc/connect/protocol-connect";
import { type ErrorDetail, ErrorDetailSchema } from "../../gen/cambio/v1/error_pb.ts";

/** How much of the body is sent. `unending`: its beginning, and never its end. `huge`: more than any bound allows, without an end. */
export type Sent = "whole" | "unending" | "huge";

export interface WireRequest {
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[]>>;
  /** The message, in the protocol's encoding. */
  readonly body: Uint8Array;
  readonly sent: Sent;
}

export interface WireRefusal {
  readonly status: number;
  /** Undefined: it is no error of the protocol. */
  readonly code: Code | undefined;
  readonly reason: string | undefined;
  readonly sentence: string | undefined;
}

interface RawAnswer {
  readonly status: number;
  /** Trailers included. */
  readonly headers: Headers;
  readonly body: Buffer;
}

type Exchange = (asked: WireRequest & { readonly contentType: string }) => Promise<RawAnswer>;

export interface WireProtocol {
  readonly name: string;
  readonly encoding: "proto" | "json";
  send(port: number, asked: WireRequest): Promise<WireRefusal>;
}

/** More than the bound of a message, and little enough to be in flight at once. */
const hugeBytes = 1_048_576;
const envelopeBytes = 5;
const trailerFlag = 0x80;

export const wireProtocols: readonly WireProtocol[] = [
  protocol("gRPC", "application/grpc+proto", "2"),
  protocol("gRPC with JSON", "application/grpc+json", "2"),
  protocol("gRPC-Web over HTTP/1.1", "application/grpc-web+proto", "1.1"),
  protocol("gRPC-Web over HTTP/2", "application/grpc-web+proto", "2"),
  protocol("Connect JSON over HTTP/1.1", "application/json", "1.1"),
  protocol("Connect JSON over HTTP/2", "application/json", "2"),
  protocol("Connect proto over HTTP/1.1", "application/proto", "1.1"),
  protocol("Connect proto over HTTP/2", "application/proto", "2"),
];

/** The same connections for what is no RPC: JSON in, JSON out. */
export const plainProtocols = [overHttp1, overHttp2].map((over) => ({
  async send(port: number, asked: WireRequest): Promise<{ readonly status: number; readonly body: string }> {
    const { status, body } = await over(port)({ ...asked, contentType: "application/json" });
    return { status, body: body.toString() };
  },
}));

function protocol(name: string, contentType: string, version: "1.1" | "2"): WireProtocol {
  const enveloped = contentType.startsWith("application/grpc");
  return {
    name,
    encoding: contentType.endsWith("json") ? "json" : "proto",
    async send(port, asked) {
      const exchange = version === "2" ? overHttp2(port) : overHttp1(port);
      const body = enveloped ? Buffer.concat([envelopeHead(asked.body.length), asked.body]) : asked.body;
      const answer = await exchange({ ...asked, body, contentType });
      const error = enveloped ? grpcError(answer) : connectError(answer);
      const [detail] = error?.findDetails(ErrorDetailSchema) ?? [];
      return {
        status: answer.status,
        code: error?.code,
        reason: detail === undefined ? undefined : reasonIn(detail),
        sentence: error?.rawMessage,
      };
    },
  };
}

function envelopeHead(length: number): Buffer {
  const head = Buffer.alloc(envelopeBytes);
  head.writeUInt32BE(length, 1);
  return head;
}

function overHttp1(port: number): Exchange {
  return ({ path, headers, body, sent, contentType }) =>
    new Promise((resolve, reject) => {
      const all = { "content-type": contentType, ...lengthOf(sent), ...headers };
      const outgoing = request({ host: "localhost", port, path, method: "POST", headers: all, agent: false });
      outgoing.on("error", reject);
      outgoing.on("response", (incoming: IncomingMessage) => {
        const chunks: Buffer[] = [];
        incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
        incoming.on("error", reject);
        incoming.on("end", () => {
          outgoing.destroy();
          const { statusCode: status = 0, rawHeaders, rawTrailers } = incoming;
          resolve({ status, headers: headersOf([...rawHeaders, ...rawTrailers]), body: Buffer.concat(chunks) });
        });
      });
      outgoing.flushHeaders();
      write(outgoing, body, sent);
    });
}

/** Two headers of what should be one are an attack that this client shall be able to make. The types do not know the option. */
const loose: ClientSessionOptions & { readonly strictSingleValueFields: boolean } = { strictSingleValueFields: false };

/** A connection for each: what stays unfinished on one must not slow down the next. */
function overHttp2(port: number): Exchange {
  return ({ path, headers, body, sent, contentType }) =>
    new Promise((resolve, reject) => {
      const session = connect(`http://localhost:${port}`, loose);
      session.on("error", reject);
      const own = { ":method": "POST", ":path": path, "content-type": contentType, te: "trailers" };
      const stream = session.request({ ...own, ...lengthOf(sent), ...headers });
      const chunks: Buffer[] = [];
      const seen: IncomingHttpHeaders[] = [];
      stream.on("response", (one) => seen.push(one));
      stream.on("trailers", (one) => seen.push(one));
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.on("error", reject);
      stream.on("end", () => {
        const named = seen.flatMap((one) => Object.entries(one)).filter(([name]) => !name.startsWith(":"));
        const raw = named.flatMap(([name, value]) => [name, String(value)]);
        resolve({ status: Number(seen[0]?.[":status"]), headers: headersOf(raw), body: Buffer.concat(chunks) });
        session.destroy();
      });
      write(stream, body, sent);
    });
}

const lengthOf = (sent: Sent): Readonly<Record<string, string>> => (sent === "huge" ? { "content-length": "10000000000" } : {});

function write(to: NodeJS.WritableStream, body: Uint8Array, sent: Sent): void {
  if (sent === "whole") to.end(body);
  else to.write(sent === "huge" ? Buffer.alloc(hugeBytes) : body.subarray(0, Math.max(1, body.length - 1)));
}

function headersOf(raw: readonly string[]): Headers {
  const headers = new Headers();
  for (let index = 0; index < raw.length; index += 2) headers.append(raw[index] ?? "", raw[index + 1] ?? "");
  return headers;
}

function grpcError({ headers, body }: RawAnswer): ConnectError | undefined {
  if (headers.has("grpc-status")) return findTrailerError(headers);
  const at = body.findIndex((byte) => byte === trailerFlag);
  return at === -1 ? undefined : findTrailerError(trailerParse(body.subarray(at + envelopeBytes)));
}

function connectError({ status, body }: RawAnswer): ConnectError | undefined {
  if (status === 200 || body.length === 0) return undefined;
  const { code, message, details } = JSON.parse(body.toString()) as ConnectBody;
  const error = new ConnectError(message, codeFromString(code));
  error.details = details.map(({ type, value }) => ({ type, value: Buffer.from(value, "base64") }));
  return error;
}

function reasonIn(detail: ErrorDetail): string {
  const { reason } = toJson(ErrorDetailSchema, detail) as { readonly reason: string };
  return reason.replace("ERROR_REASON_", "");
}

interface ConnectBody {
  readonly code: string;
  readonly message: string;
  readonly details: readonly { readonly type: string; readonly value: string }[];
}
