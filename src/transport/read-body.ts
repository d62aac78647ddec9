// A request's body in one piece, bounded. Message decoders join chunks in time quadratic in their number, and chunks cost far more
// memory than what is in them; a body sent byte by byte would buy both. It is put together here, before anything else sees it.

import { ExchangeError } from "../exchange/errors.ts";
import { type CollectedBytes, collectBytes } from "./collected-bytes.ts";
import type { PortRequest } from "./one-port.ts";
import type { OpenBodies, OpenBody } from "./open-bodies.ts";

export interface BodyBounds {
  readonly maxBytes: number;
  /** All that are under way on the port. */
  readonly bodies: OpenBodies;
}

/**
 * What comes after the bound is thrown away, within the time limit for bodies: a client that writes before it reads gets its answer.
 * @throws ExchangeError MESSAGE_TOO_LARGE as soon as more than `maxBytes` came or were announced; MALFORMED_REQUEST where the
 * connection ended before the body did; OVERLOADED where it has to make room
 */
export function readBody(req: PortRequest, { maxBytes, bodies }: BodyBounds): Promise<Buffer> {
  if (Number(req.headers["content-length"] ?? 0) > maxBytes) return Promise.reject(new ExchangeError("MESSAGE_TOO_LARGE"));
  // One without a byte ends before anybody looks; its end is not told again.
  if (req.readableEnded) return Promise.resolve(noBytes);
  // Nor is it told again that the connection ended: whoever waited for it would wait for ever.
  if (req.destroyed) return Promise.reject(new ExchangeError("MALFORMED_REQUEST"));
  return new Promise((resolve, reject) => {
    /** A body that comes in one piece is not copied. */
    let first: Buffer | undefined;
    let slow: SlowBody | undefined;
    let over = false;

    function fail(failure: ExchangeError): void {
      over = true;
      first = undefined;
      slow?.memory.close();
      slow = undefined;
      reject(failure);
    }
    /** Of a body that takes longer than the turn in which it began: a piece keeps alive all that was read from the connection with it. */
    function collect(): SlowBody {
      slow = { bytes: collectBytes(maxBytes), memory: bodies.open(fail) };
      if (first !== undefined) slow.bytes.add(first);
      first = undefined;
      slow.memory.hold(slow.bytes.kept());
      return slow;
    }
    function add(chunk: Buffer): void {
      if (over) return;
      if (chunk.length > maxBytes) return fail(new ExchangeError("MESSAGE_TOO_LARGE"));
      if (first === undefined && slow === undefined) {
        first = chunk;
        setImmediate(() => {
          if (!over && slow === undefined) collect();
        });
        return;
      }
      const { bytes, memory } = slow ?? collect();
      if (bytes.add(chunk)) memory.hold(bytes.kept());
      else fail(new ExchangeError("MESSAGE_TOO_LARGE"));
    }
    const early = (): void => {
      // Every request closes at last; an error that nobody gets would be made for each.
      if (!over) fail(new ExchangeError("MALFORMED_REQUEST"));
    };
    req.on("data", add);
    req.on("error", early);
    req.on("close", early);
    req.on("end", () => {
      if (over) return;
      over = true;
      slow?.memory.close();
      resolve(slow?.bytes.whole() ?? first ?? noBytes);
    });
  });
}

interface SlowBody {
  readonly bytes: CollectedBytes;
  readonly memory: OpenBody;
}

const noBytes = Buffer.alloc(0);
