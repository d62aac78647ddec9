// A request's body in one piece, bounded. Message decoders join chunks in time quadratic in their number; a body sent byte by
// byte would buy seconds of CPU. Chunks are joined here once, and their sum is bounded before.

import { ExchangeError } from "../exchange/errors.ts";
import type { PortRequest } from "./one-port.ts";

/**
 * What comes after the bound is thrown away, within the time limit for bodies: a client that writes before it reads gets its answer.
 * @throws ExchangeError MESSAGE_TOO_LARGE as soon as more than `maxBytes` came or were announced; MALFORMED_REQUEST where the
 * connection ended before the body did
 */
export function readBody(req: PortRequest, maxBytes: number): Promise<Buffer> {
  if (Number(req.headers["content-length"] ?? 0) > maxBytes) return Promise.reject(new ExchangeError("MESSAGE_TOO_LARGE"));
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    req.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= maxBytes) {
        chunks.push(chunk);
        return;
      }
      chunks.length = 0;
      reject(new ExchangeError("MESSAGE_TOO_LARGE"));
    });
    const early = (): void => reject(new ExchangeError("MALFORMED_REQUEST"));
    req.once("error", early);
    req.once("close", early);
    req.once("end", () => {
      // Every request closes at last; an error that nobody gets would be made for each.
      req.off("close", early);
      if (bytes <= maxBytes) resolve(Buffer.concat(chunks, bytes));
    });
  });
}
