// How the usual unary request looks and how it is answered, in each protocol: where its one message is, where an error goes, which
// header names a time limit. What is unusual (compression, gRPC over HTTP/1.1, a content type spelled otherwise) has no wire here.

import { Code, ConnectError } from "@connectrpc/connect";
import { encodeEnvelope, mergeNonProtocolHeaders } from "@connectrpc/connect/protocol";
import { codeToHttpStatus, errorToJsonBytes, parseTimeout as parseConnectTimeout } from "@connectrpc/connect/protocol-connect";
import { parseTimeout as parseGrpcTimeout } from "@connectrpc/connect/protocol-grpc";
import { trailerFlag, trailerSerialize } from "@connectrpc/connect/protocol-grpc-web";
import { envelopeHead, setStatus } from "./error-responses.ts";
import type { PortRequest, PortResponse } from "./one-port.ts";

/** What a handler put into its answer; undefined: nothing. */
export interface Added {
  readonly header: Headers | undefined;
  readonly trailer: Headers | undefined;
}

export interface UnaryWire {
  /** Messages are in protobuf's binary format; else in JSON. */
  readonly binary: boolean;
  /** Where a client names its time limit, and how it is read: in milliseconds, or with an error. */
  readonly timeoutHeader: "connect-timeout-ms" | "grpc-timeout";
  readonly parseTimeout: typeof parseGrpcTimeout;
  /** Where a client says how its message is compressed. */
  readonly encodingHeader: "content-encoding" | "grpc-encoding";
  /** @throws ConnectError where the body is not exactly one message of at most so many bytes */
  message(body: Buffer, maxBytes: number): Uint8Array;
  answer(res: PortResponse, message: Uint8Array, added: Added): void;
  refuse(res: PortResponse, error: ConnectError, added: Added): void;
}

/** Undefined: the request is not one of the usual. */
export function wireOf(req: PortRequest): UnaryWire | undefined {
  const wire = wires.get(req.headers["content-type"] ?? "");
  if (wire === undefined || (wire.needsHttp2 && !("stream" in req))) return undefined;
  const encoding = req.headers[wire.encodingHeader];
  return encoding === undefined || encoding === "identity" ? wire : undefined;
}

type Format = Pick<UnaryWire, "binary"> & { readonly contentType: string };
interface Known extends UnaryWire {
  /** Its trailers are those of HTTP/2. */
  readonly needsHttp2: boolean;
}

function connect({ binary, contentType }: Format): Known {
  return {
    binary,
    timeoutHeader: "connect-timeout-ms",
    parseTimeout: parseConnectTimeout,
    encodingHeader: "content-encoding",
    needsHttp2: false,
    message: (body) => body,
    answer(res, message, added) {
      res.setHeader("content-type", contentType);
      sendWhole(res, message, added);
    },
    refuse(res, error, { header, trailer }) {
      const headers = new Headers(header);
      mergeNonProtocolHeaders(headers, error.metadata);
      res.statusCode = codeToHttpStatus(error.code);
      res.setHeader("content-type", "application/json");
      sendWhole(res, errorToJsonBytes(error, undefined), { header: headers, trailer });
    },
  };
}

function sendWhole(res: PortResponse, body: Uint8Array, { header, trailer }: Added): void {
  if (header !== undefined) setHeaders(res, header);
  trailer?.forEach((value, name) => void res.appendHeader(`trailer-${name}`, value));
  res.setHeader("content-length", String(body.byteLength));
  res.end(body);
}

function grpc({ binary, contentType }: Format): Known {
  function begin(res: PortResponse, { header }: Added): void {
    if (header !== undefined) setHeaders(res, header);
    res.setHeader("content-type", contentType);
  }
  return {
    ...enveloped,
    binary,
    needsHttp2: true,
    answer(res, message, added) {
      begin(res, added);
      res.addTrailers(added.trailer === undefined ? statusOk : { ...Object.fromEntries(added.trailer), ...statusOk });
      res.end(envelope(message, noBytes));
    },
    refuse(res, error, added) {
      begin(res, added);
      res.addTrailers(Object.fromEntries(setStatus(new Headers(added.trailer), error)));
      res.end();
    },
  };
}

function grpcWeb({ binary, contentType }: Format): Known {
  /** Made once, and not before somebody asks by gRPC-Web: with the first `Headers` Node loads all of its `fetch`. */
  let trailerOk: Uint8Array | undefined;
  function send(res: PortResponse, body: Uint8Array, { header }: Added): void {
    if (header !== undefined) setHeaders(res, header);
    res.setHeader("content-type", contentType);
    res.end(body);
  }
  return {
    ...enveloped,
    binary,
    needsHttp2: false,
    answer(res, message, added) {
      const trailer =
        added.trailer === undefined
          ? (trailerOk ??= webTrailer(Object.entries(statusOk)))
          : webTrailer([...added.trailer, ...Object.entries(statusOk)]);
      send(res, envelope(message, trailer), added);
    },
    refuse(res, error, added) {
      send(res, webTrailer([...setStatus(new Headers(added.trailer), error)]), added);
    },
  };
}

const noBytes = new Uint8Array();
const statusOk = { "grpc-status": "0" } as const;

/** What gRPC and gRPC-Web have in common. */
const enveloped = {
  timeoutHeader: "grpc-timeout",
  parseTimeout: parseGrpcTimeout,
  encodingHeader: "grpc-encoding",
  message(body: Buffer, maxBytes: number): Uint8Array {
    if (body.length === 0) throw new ConnectError("no message", Code.Unimplemented);
    if (body.length < envelopeHead) throw new ConnectError("half an envelope", Code.InvalidArgument);
    const length = body.readUInt32BE(1);
    if (length > maxBytes) throw new ConnectError("a message that is too large", Code.ResourceExhausted);
    const end = envelopeHead + length;
    // Not compressed, as nothing was said of compression, and no trailer: those are a server's.
    if (body[0] !== 0 || body.length < end) throw new ConnectError("not a message", Code.InvalidArgument);
    if (body.length > end) throw new ConnectError("more than one message", Code.Unimplemented);
    return body.subarray(envelopeHead);
  },
} as const;

/** A message, and bytes behind it, in one piece. */
function envelope(message: Uint8Array, behind: Uint8Array): Buffer {
  const end = envelopeHead + message.length;
  const bytes = Buffer.allocUnsafe(end + behind.length);
  bytes[0] = 0;
  bytes.writeUInt32BE(message.length, 1);
  bytes.set(message, envelopeHead);
  bytes.set(behind, end);
  return bytes;
}

function webTrailer(fields: readonly (readonly [string, string])[]): Uint8Array {
  return encodeEnvelope(trailerFlag, trailerSerialize(new Headers(fields.map(([name, value]) => [name, value]))));
}

function setHeaders(res: PortResponse, headers: Headers): void {
  for (const [name, value] of headers) {
    // Each cookie has a header of its own; other values of one name are joined already.
    if (name === "set-cookie") res.appendHeader(name, value);
    else res.setHeader(name, value);
  }
}

const wires: ReadonlyMap<string, Known> = new Map([
  ["application/proto", connect({ binary: true, contentType: "application/proto" })],
  ["application/json", connect({ binary: false, contentType: "application/json" })],
  ["application/grpc", grpc({ binary: true, contentType: "application/grpc+proto" })],
  ["application/grpc+proto", grpc({ binary: true, contentType: "application/grpc+proto" })],
  ["application/grpc+json", grpc({ binary: false, contentType: "application/grpc+json" })],
  ["application/grpc-web", grpcWeb({ binary: true, contentType: "application/grpc-web+proto" })],
  ["application/grpc-web+proto", grpcWeb({ binary: true, contentType: "application/grpc-web+proto" })],
  ["application/grpc-web+json", grpcWeb({ binary: false, contentType: "application/grpc-web+json" })],
]);
