// HTTP/2 frames by hand (RFC 9113 §4, RFC 7541 §6.2.2 without Huffman): for what no client library would send.

export const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");

export const frameTypes = { data: 0, headers: 1, reset: 3, settings: 4, goaway: 7, continuation: 9 } as const;

const flags = { endStream: 0x1, endHeaders: 0x4 } as const;

/** What a peer takes in one frame (RFC 9113 §6.5.2). */
const maxFrame = 16_384;

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

export const emptySettings = frame(frameTypes.settings, 0, { stream: 0 });
export const settingsAck = frame(frameTypes.settings, 1, { stream: 0 });

/** A POST's headers, body to follow; other headers as they are. */
export function postHeaders(stream: number, path: string, headers: Readonly<Record<string, string>> = {}): Buffer {
  const all = { ":method": "POST", ":scheme": "http", ":path": path, ":authority": "localhost", ...headers };
  const block = Buffer.concat(Object.entries(all).flatMap(([name, value]) => [Buffer.from([0]), text(name), text(value)]));
  if (block.length <= maxFrame) return frame(frameTypes.headers, flags.endHeaders, { stream, payload: block });
  const rest = frame(frameTypes.continuation, flags.endHeaders, { stream, payload: block.subarray(maxFrame) });
  return Buffer.concat([frame(frameTypes.headers, 0, { stream, payload: block.subarray(0, maxFrame) }), rest]);
}

export function data(stream: number, payload: Buffer, end = false): Buffer {
  return frame(frameTypes.data, end ? flags.endStream : 0, { stream, payload });
}

export function frame(type: number, flag: number, { stream, payload = Buffer.alloc(0) }: { stream: number; payload?: Buffer }): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flag, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** The frames in what a server sent, whole ones only. */
export function parseFrames(received: string): Frame[] {
  const bytes = Buffer.from(received, "latin1");
  const frames: Frame[] = [];
  for (let at = 0; at + 9 <= bytes.length;) {
    const end = at + 9 + bytes.readUIntBE(at, 3);
    if (end > bytes.length) break;
    frames.push({
      type: bytes.readUInt8(at + 3),
      flags: bytes.readUInt8(at + 4),
      stream: bytes.readUInt32BE(at + 5),
      payload: bytes.subarray(at + 9, end),
    });
    at = end;
  }
  return frames;
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value, "latin1");
  if (bytes.length < 127) return Buffer.concat([Buffer.from([bytes.length]), bytes]);
  // RFC 7541 §5.1: the rest of the length in groups of seven bits.
  const length = [127];
  let rest = bytes.length - 127;
  for (; rest >= 128; rest >>= 7) length.push((rest & 127) | 128);
  return Buffer.concat([Buffer.from([...length, rest]), bytes]);
}
