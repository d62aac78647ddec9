// A request's body in one piece, bounded. Message decoders join chunks in time quadratic in their number, and chunks cost far more
// memory than what is in them; a body sent byte by byte would buy both. It is put together here, before anything else sees it.

import { ExchangeError } from "../exchange/errors.ts";
import { type CollectedBytes, collectBytes } from "./collected-bytes.ts";
import type { PortRequest } from "./one-port.ts";
import type { OpenBodies } from "./open-bodies.ts";

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
  return new Promise((resolve, reject) => {
    let body: CollectedBytes | undefined = collectBytes(maxBytes);
    const memory = bodies.open(fail);
    function fail(failure: ExchangeError): void {
      body = undefined;
      memory.close();
      reject(failure);
    }
    req.on("data", (chunk: Buffer) => {
      if (body === undefined) return;
      if (body.add(chunk)) memory.hold(body.kept());
      else fail(new ExchangeError("MESSAGE_TOO_LARGE"));
    });
    const early = (): void => fail(new ExchangeError("MALFORMED_REQUEST"));
    req.once("error", early);
    req.once("close", early);
    req.once("end", () => {
      // Every request closes at last; an error that nobody gets would be made for each.
      req.off("close", early);
      memory.close();
      if (body !== undefined) resolve(body.whole());
    });
  });
}
