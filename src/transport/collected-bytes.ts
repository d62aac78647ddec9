// The bytes of a body as they come, in one buffer. Keeping the chunks themselves would cost some 400 bytes for each, and a client
// chooses how many it makes of its body: 64 KiB in chunks of one byte would be 26 MB.

/** Doubled until it holds a body, so that each byte is copied twice on average. */
const firstBytes = 1_024;

export interface CollectedBytes {
  /** False: it would be more than the bound. Then nothing is kept any more, and nothing is added. */
  add(chunk: Uint8Array): boolean;
  /** What came; a view of what is kept. */
  whole(): Buffer;
  /** Bytes that are kept in memory: less than twice what came or the first bytes, and never more than the bound. */
  kept(): number;
}

export function collectBytes(maxBytes: number): CollectedBytes {
  let held = Buffer.alloc(0);
  let length = 0;
  let over = false;
  return {
    add(chunk) {
      if (over) return false;
      const needed = length + chunk.length;
      if (needed > maxBytes) {
        over = true;
        held = Buffer.alloc(0);
        length = 0;
        return false;
      }
      if (needed > held.length) held = grown(held.subarray(0, length), needed, maxBytes);
      held.set(chunk, length);
      length = needed;
      return true;
    },
    whole: () => held.subarray(0, length),
    kept: () => held.length,
  };
}

/** Memory of its own, not of the pool that buffers share: a slow body would keep the pool's. */
function grown(content: Buffer<ArrayBuffer>, needed: number, maxBytes: number): Buffer<ArrayBuffer> {
  let size = firstBytes;
  while (size < needed) size *= 2;
  const larger = Buffer.allocUnsafeSlow(Math.min(size, maxBytes));
  larger.set(content);
  return larger;
}
