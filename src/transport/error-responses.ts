// Finds the error in a response that the Connect library wrote, in each protocol's own place, and puts ours there instead:
// the JSON body (Connect unary), the trailers (gRPC), the trailer frame (gRPC-Web), the end-of-stream frame (Connect streaming).

import { Code, ConnectError } from "@connectrpc/connect";
import { encodeEnvelope, type UniversalServerResponse } from "@connectrpc/connect/protocol";
import { codeToHttpStatus, endStreamFlag, endStreamFromJson, endStreamToJson, errorFromJsonBytes, errorToJsonBytes } from "@connectrpc/connect/protocol-connect";
import { setTrailerStatus } from "@connectrpc/connect/protocol-grpc";
import { trailerFlag, trailerParse, trailerSerialize } from "@connectrpc/connect/protocol-grpc-web";
import type { Protocol } from "../rpc/call.ts";

/** The error to send for one of the library's with this code. */
export type Replace = (code: Code) => ConnectError;

/** Flags and length stand before each message of a stream. */
const envelopeHead = 5;

export async function replaceErrors(
  response: UniversalServerResponse,
  { protocol, unary, replace }: { protocol: Protocol; unary: boolean; replace: Replace },
): Promise<UniversalServerResponse> {
  const { body } = response;
  if (body === undefined) return response;
  if (protocol === "grpc") return { ...response, body: inTrailers(body, response.trailer, replace) };
  if (protocol === "grpc-web") return { ...response, body: inFrames(body, trailerFlag, (data) => webTrailers(data, replace)) };
  if (!unary) return { ...response, body: inFrames(body, endStreamFlag, (data) => endOfStream(data, replace)) };
  return response.status === 200 ? response : await inJsonBody(response, body, replace);
}

async function inJsonBody(response: UniversalServerResponse, body: AsyncIterable<Uint8Array>, replace: Replace): Promise<UniversalServerResponse> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  const found = errorFromJsonBytes(Buffer.concat(chunks), undefined, new ConnectError("", Code.Internal));
  const error = replace(found.code);
  const bytes = errorToJsonBytes(error, undefined);
  const header = new Headers(response.header);
  header.set("content-length", String(bytes.byteLength));
  return { status: codeToHttpStatus(error.code), header, body: single(bytes) };
}

/** Trailers are complete once the body is; until then there is nothing to look at. */
function inTrailers(body: AsyncIterable<Uint8Array>, trailer: Headers | undefined, replace: Replace): AsyncIterable<Uint8Array> {
  return mapped(body, {
    chunk: (chunk) => chunk,
    end() {
      if (trailer !== undefined) replaceStatus(trailer, replace);
    },
  });
}

/** The library yields one whole frame at a time, and responses are never compressed. */
function inFrames(body: AsyncIterable<Uint8Array>, flag: number, rewrite: (data: Uint8Array) => Uint8Array): AsyncIterable<Uint8Array> {
  return mapped(body, {
    chunk: (chunk) => (((chunk[0] ?? 0) & flag) === 0 ? chunk : encodeEnvelope(flag, rewrite(chunk.subarray(envelopeHead)))),
    end: () => undefined,
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
  setTrailerStatus(trailer, replace(Number(status)));
}

/** Hand-written, because one more generator around every chunk costs more than all that it does. */
function mapped(
  body: AsyncIterable<Uint8Array>,
  { chunk, end }: { chunk: (chunk: Uint8Array) => Uint8Array; end: () => void },
): AsyncIterable<Uint8Array> {
  return {
    [Symbol.asyncIterator]() {
      const source = body[Symbol.asyncIterator]();
      const pass = (result: IteratorResult<Uint8Array>): IteratorResult<Uint8Array> => {
        if (result.done !== true) return { done: false, value: chunk(result.value) };
        end();
        return result;
      };
      const iterator: AsyncIterator<Uint8Array> = { next: async () => pass(await source.next()) };
      const { throw: raise, return: finish } = source;
      if (raise !== undefined) iterator.throw = async (reason) => pass(await raise.call(source, reason));
      if (finish !== undefined) iterator.return = (value) => finish.call(source, value);
      return iterator;
    },
  };
}

async function* single(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
