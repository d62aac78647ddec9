// A request's body in one piece, bounded. Message decoders join chunks in time quadratic in their number, and chunks cost far more
// memory than what is in them; a body sent byte by byte would buy both. It is put together here, before anything else sees it.

import { ExchangeError } from "../exchange/errors.ts";
import { collectBytes } from "./collected-bytes.ts";
import type { PortRequest } from "./one-port.ts";

/**
 * What comes after the bound is thrown away, within the time limit for bodies: a client that writes before it reads gets its answer.
 * @throws ExchangeError MESSAGE_TOO_LARGE as soon as more than `maxBytes` came or were announced; MALFORMED_REQUEST where the
 * connection ended before the body did
 */
export function readBody(req: PortRequest, maxBytes: number): Promise<Buffer> {
  if (Number(req.headers["content-length"] ?? 0) > maxBytes) return Promise.reject(new ExchangeError("MESSAGE_TOO_LARGE"));
  return new Promise((resolve, reject) => {
    const body = collectBytes(maxBytes);
    let fits = true;
    req.on("data", (chunk: Buffer) => {
      if (!fits) return;
      fits = body.add(chunk);
      if (!fits) reject(new ExchangeError("MESSAGE_TOO_LARGE"));
    });
    const early = (): void => reject(new ExchangeError("MALFORMED_REQUEST"));
    req.once("error", early);
    req.once("close", early);
    req.once("end", () => {
      // Every request closes at last; an error that nobody gets would be made for each.
      req.off("close", early);
      if (fits) resolve(body.whole());
    });
  });
}
