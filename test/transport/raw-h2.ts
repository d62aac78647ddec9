// An HTTP/2 client made of bytes: opens, and waits for single frames of what comes back.

import { setTimeout as wait } from "node:timers/promises";
import { emptySettings, type Frame, parseFrames, preface } from "./h2-frames.ts";
import { openRaw, type RawSocket } from "./raw-socket.ts";

/** Has sent the preface and its settings; the server's are not acknowledged. */
export async function openRawH2(port: number): Promise<RawSocket> {
  const raw = await openRaw(port);
  raw.send(Buffer.concat([preface, emptySettings]));
  return raw;
}

/** The first frame of that type on that stream, as soon as it is there. */
export async function frameOf(raw: RawSocket, type: number, stream: number): Promise<Frame> {
  for (let i = 0; i < 2_000; i += 1) {
    const found = parseFrames(raw.received()).find((one) => one.type === type && one.stream === stream);
    if (found !== undefined) return found;
    await wait(5);
  }
  throw new Error("no such frame came");
}
