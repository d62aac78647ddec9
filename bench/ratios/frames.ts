// HTTP/2 (RFC 9113) as far as a client needs it that sends one kind of request over and over: its frames as bytes. Every header goes
// into the dynamic table of HPACK (RFC 7541) with the first request, so that each later one names it in a byte, as usual clients do.

export const frameType = { data: 0, headers: 1, resetStream: 3, settings: 4, ping: 6, windowUpdate: 8 } as const;
export const flag = { endStream: 1, acknowledged: 1, endHeaders: 4 } as const;
export const frameHeaderBytes = 9;

const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const initialWindowSetting = 4;
const largestWindow = 2 ** 31 - 1;
const usualWindow = 65_535;
/** `:status: 200` in the static table. */
export const statusOk = 0x88;
const firstDynamicIndex = 62;
const literalWithIndexing = 0x40;
const indexed = 0x80;
/** What a length says in seven bits of a byte. */
const oneByteLength = 127;

export type Headers = readonly (readonly [name: string, value: string])[];

export function frame(type: number, flags: number, stream: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(frameHeaderBytes);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** What opens a connection on which the server may send as much as it likes. */
export function opening(): Buffer {
  const settings = Buffer.alloc(6);
  settings.writeUInt16BE(initialWindowSetting, 0);
  settings.writeUInt32BE(largestWindow, 2);
  const window = Buffer.alloc(4);
  window.writeUInt32BE(largestWindow - usualWindow, 0);
  return Buffer.concat([Buffer.from(preface), frame(frameType.settings, 0, 0, settings), frame(frameType.windowUpdate, 0, 0, window)]);
}

/** Header blocks of a connection's first request and of all after it. */
export function headerBlocks(headers: Headers): { readonly first: Buffer; readonly later: Buffer } {
  const first = headers.flatMap(([name, value]) => [Buffer.from([literalWithIndexing]), hpackText(name), hpackText(value)]);
  // The newest entry has the lowest index.
  const later = headers.map((_header, place) => indexed | (firstDynamicIndex + headers.length - 1 - place));
  return { first: Buffer.concat(first), later: Buffer.from(later) };
}

function hpackText(value: string): Buffer {
  const bytes = Buffer.from(value);
  if (bytes.length < oneByteLength) return Buffer.concat([Buffer.from([bytes.length]), bytes]);
  const rest = bytes.length - oneByteLength;
  // An integer of RFC 7541 section 5.1 with two bytes of continuation reaches 16 KiB.
  const length = rest < 128 ? [oneByteLength, rest] : [oneByteLength, (rest & 127) | 128, rest >> 7];
  return Buffer.concat([Buffer.from(length), bytes]);
}
