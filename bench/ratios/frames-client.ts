// gRPC calls with a message each, over one connection, by nothing but bytes: a load generator that takes a fraction of what the service
// takes. It knows a success from a failure: status 200, and a message before the trailers; a call that gRPC refuses has trailers only.

import { once } from "node:events";
import { connect } from "node:net";
import { flag, frame, frameHeaderBytes, frameType, headerBlocks, type Headers, opening, statusOk } from "./frames.ts";

export interface FramesClient {
  /** At most `mostUnderWay` at one time. @param message with gRPC's prefix */
  call(message: Buffer, done: (succeeded: boolean) => void): void;
  close(): void;
}

/** As many small requests stay within the window that a server grants a connection at first, which is never waited for here. */
export const mostUnderWay = 32;

interface Stream {
  readonly done: (succeeded: boolean) => void;
  ok: boolean;
  bytes: number;
}

export async function connectFrames(url: string, path: string, headers: Headers): Promise<FramesClient> {
  const { hostname, port, host } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port), noDelay: true });
  await once(socket, "connect");
  const call = [[":method", "POST"], [":scheme", "http"], [":authority", host], [":path", path], ...headers] as const;
  const blocks = headerBlocks(call);
  const streams = new Map<number, Stream>();
  let nextStream = 1;
  let unread: Buffer = Buffer.alloc(0);
  let corked = false;
  socket.write(opening());
  socket.on("data", (chunk: Buffer) => {
    unread = unread.length === 0 ? chunk : Buffer.concat([unread, chunk]);
    let at = 0;
    while (unread.length - at >= frameHeaderBytes) {
      const end = at + frameHeaderBytes + unread.readUIntBE(at, 3);
      if (unread.length < end) break;
      take(unread.subarray(at, end));
      at = end;
    }
    unread = unread.subarray(at);
  });
  socket.on("error", () => undefined);
  socket.on("close", () => {
    for (const { done } of streams.values()) done(false);
    streams.clear();
  });

  function take(received: Buffer): void {
    const [type, flags, payload] = [received.readUInt8(3), received.readUInt8(4), received.subarray(frameHeaderBytes)];
    if (type === frameType.settings && (flags & flag.acknowledged) === 0) socket.write(frame(frameType.settings, flag.acknowledged, 0));
    if (type === frameType.ping && (flags & flag.acknowledged) === 0) socket.write(frame(frameType.ping, flag.acknowledged, 0, payload));
    const id = received.readUInt32BE(5);
    const stream = streams.get(id);
    if (stream === undefined) return;
    if (type === frameType.data) stream.bytes += payload.length;
    if (type === frameType.headers && stream.bytes === 0 && payload[0] === statusOk) stream.ok = true;
    const reset = type === frameType.resetStream;
    const ended = (type === frameType.headers || type === frameType.data) && (flags & flag.endStream) !== 0;
    if (!reset && !ended) return;
    streams.delete(id);
    stream.done(!reset && type === frameType.headers && stream.ok && stream.bytes > 0);
  }

  return {
    call(message, done) {
      // Later, as always: who calls again at once would never come to an end.
      if (socket.destroyed) return process.nextTick(done, false);
      if (!corked) {
        // Whatever is sent in one turn leaves in one piece.
        corked = true;
        socket.cork();
        process.nextTick(() => {
          corked = false;
          socket.uncork();
        });
      }
      const id = nextStream;
      nextStream += 2;
      streams.set(id, { done, ok: false, bytes: 0 });
      socket.write(frame(frameType.headers, flag.endHeaders, id, id === 1 ? blocks.first : blocks.later));
      socket.write(frame(frameType.data, flag.endStream, id, message));
    },
    close: () => void socket.destroy(),
  };
}
