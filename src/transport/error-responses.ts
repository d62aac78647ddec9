// Finds the error in a response that the Connect library wrote, in each protocol's own place, and puts ours there instead:
// the JSON body (Connect unary), the trailers (gRPC), the trailer frame (gRPC-Web), the end-of-stream frame (Connect streaming).

import { Code, ConnectError } from "@connectrpc/connect";
import { encodeEnvelope, type UniversalServerResponse } from "@connectrpc/connect/protocol";
import {
  codeToHttpStatus,
  endStreamFlag,
  endStreamFromJson,
  endStreamToJson,
  errorFromJsonBytes,
  errorToJsonBytes,
} from "@connectrpc/connect/protocol-connect";
import { setTrailerStatus } from "@connectrpc/connect/protocol-grpc";
import { trailerFlag, trailerParse, trailerSerialize } from "@connectrpc/connect/protocol-grpc-web";
import type { Protocol } from "../rpc/call.ts";

/** The error to send for one of the library's with this code. */
export type Replace = (code: Code) => ConnectError;

/** Bytes of flags and length before each message of a stream, and before the one message of a unary gRPC call. */
export const envelopeHead = 5;

export interface Where {
  readonly protocol: Protocol;
  readonly unary: boolean;
  readonly replace: Replace;
  /** Called when the last byte of the body was taken. */
  readonly done: () => void;
}

export async function replaceErrors(response: UniversalServerResponse, where: Where): Promise<UniversalServerResponse> {
  const { body, trailer } = response;
  const { protocol, unary, replace, done } = where;
  if (body === undefined) return response;
  if (protocol === "grpc") return { ...response, body: inTrailers(body, trailer, where) };
  if (protocol === "grpc-web")
    return { ...response, body: inFrames(body, trailerFlag, { done, rewrite: (data) => webTrailers(data, replace) }) };
  if (!unary) return { ...response, body: inFrames(body, endStreamFlag, { done, rewrite: (data) => endOfStream(data, replace) }) };
  if (response.status !== 200) return await inJsonBody(response, body, where);
  return { ...response, body: mapped(body, { chunk: (chunk) => chunk, end: done }) };
}

async function inJsonBody(
  response: UniversalServerResponse,
  body: AsyncIterable<Uint8Array>,
  where: Where,
): Promise<UniversalServerResponse> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  const found = errorFromJsonBytes(Buffer.concat(chunks), undefined, new ConnectError("", Code.Internal));
  const error = where.replace(found.code);
  const bytes = errorToJsonBytes(error, undefined);
  const header = new Headers(response.header);
  header.set("content-length", String(bytes.byteLength));
  return { status: codeToHttpStatus(error.code), header, body: single(bytes, where.done) };
}

/** Trailers are complete once the body is; until then there is nothing to look at. */
function inTrailers(body: AsyncIterable<Uint8Array>, trailer: Headers | undefined, where: Where): AsyncIterable<Uint8Array> {
  return mapped(body, {
    chunk: (chunk) => chunk,
    end() {
      if (trailer !== undefined) replaceStatus(trailer, where.replace);
      where.done();
    },
  });
}

/** The library yields one whole frame at a time, and responses are never compressed. */
function inFrames(
  body: AsyncIterable<Uint8Array>,
  flag: number,
  { done, rewrite }: { done: () => void; rewrite: (data: Uint8Array) => Uint8Array },
): AsyncIterable<Uint8Array> {
  return mapped(body, {
    chunk: (chunk) => (((chunk[0] ?? 0) & flag) === 0 ? chunk : encodeEnvelope(flag, rewrite(chunk.subarray(envelopeHead)))),
    end: done,
  });
}

function webTrailers(data: Uint8Array, replace: Replace): Uint8Array {
  const trailer = trailerParse(data);
  replaceStatus(trailer, replace);
  return trailerSerialize(trailer);
}

function endOfStream(data: Uint8Array, replace: Replace): Uint8Array {
  const { metadata, error } = endStreamFromJson(data);
  if (error === undefined) return data;
  return Buffer.from(JSON.stringify(endStreamToJson(metadata, replace(error.code), undefined)));
}

function replaceStatus(trailer: Headers, replace: Replace): void {
  const status = trailer.get("grpc-status") ?? "0";
  if (status === "0") return;
  trailer.delete("grpc-status-details-bin");
  setStatus(trailer, replace(codes.get(status) ?? Code.Internal));
}

/** @returns the trailer that was given */
export function setStatus(trailer: Headers, error: ConnectError): Headers {
  setTrailerStatus(trailer, error);
  trailer.set("grpc-message", percentEncoded(error.rawMessage));
  return trailer;
}

/**
 * No more than gRPC asks for (PROTOCOL-HTTP2, "Status-Message"): the library escapes punctuation too, which @grpc/grpc-js does not
 * decode, so that its users would read `%3B` for a semicolon.
 */
function percentEncoded(message: string): string {
  return message.replace(/[^\x20-\x24\x26-\x7e]+/g, encodeURIComponent);
}

const codes: ReadonlyMap<string, Code> = new Map(
  Object.values(Code)
    .filter((code) => typeof code === "number")
    .map((code) => [String(code), code]),
);

const ended: IteratorReturnResult<undefined> = { done: true, value: undefined };

/** Hand-written, because one more generator around every chunk costs more than all that it does. */
function mapped(
  body: AsyncIterable<Uint8Array>,
  { chunk, end }: { chunk: (chunk: Uint8Array) => Uint8Array; end: () => void },
): AsyncIterable<Uint8Array> {
  const pass = (result: IteratorResult<Uint8Array>): IteratorResult<Uint8Array> => {
    if (result.done !== true) return { done: false, value: chunk(result.value) };
    end();
    return result;
  };
  return {
    [Symbol.asyncIterator]() {
      const source = body[Symbol.asyncIterator]();
      const iterator: AsyncIterator<Uint8Array> = { next: async () => pass(await source.next()) };
      // Thrown into it is a failure to write: the body is over, but nobody has it.
      if (source.throw !== undefined) iterator.throw = async (reason) => (await source.throw?.(reason)) ?? ended;
      if (source.return !== undefined) iterator.return = async () => (await source.return?.()) ?? ended;
      return iterator;
    },
  };
}

async function* single(bytes: Uint8Array, done: () => void): AsyncGenerator<Uint8Array> {
  yield bytes;
  done();
}
