// Time limits of a request: its body and the whole exchange over HTTP/2 (HTTP/1.1's are the listener's own, one-port.ts),
// and the deadline of the work it causes.

import { constants } from "node:http2";
import { ExchangeError } from "../exchange/errors.ts";
import type { Limits } from "./limits.ts";
import type { Visit } from "./visit.ts";

/**
 * Ends an HTTP/2 stream whose body or whole exchange takes too long: a peer that trickles, or that stops reading.
 * `open`: a stream by design, whose body may take as long as the exchange (client), or which the connection's age bounds (server).
 */
export function limitStream(visit: Visit, limits: Limits, open: "no" | "client" | "server" = "no"): void {
  const { req, res } = visit;
  if (!("stream" in req)) return;
  const stream = req.stream;
  let timer = open === "client" ? setTimeout(end, limits.exchangeMs) : setTimeout(endUnlessWhole, limits.bodyMs);
  res.on("close", () => clearTimeout(timer));

  function endUnlessWhole(): void {
    if (!req.complete) end();
    else if (open === "no") timer = setTimeout(end, limits.exchangeMs - limits.bodyMs);
  }
  function end(): void {
    visit.call.failure ??= new ExchangeError("DEADLINE_EXCEEDED");
    stream.close(constants.NGHTTP2_CANCEL);
  }
}

/**
 * Throws away what an HTTP/2 client still sends after it has its answer, within the time limit for bodies. Otherwise a body larger
 * than the flow-control window could never end, and its stream would stay, uncounted and not in the log. (HTTP/1.1 does so itself.)
 */
export function discardRest({ req }: Visit, limits: Limits): void {
  if (!("stream" in req)) return;
  req.on("finish", () => {
    if (req.complete) return;
    req.resume();
    const timer = setTimeout(() => req.stream.close(constants.NGHTTP2_CANCEL), limits.bodyMs);
    req.on("close", () => clearTimeout(timer));
  });
}

/**
 * Runs work under a deadline. The caller is answered when the time is over or `signal` aborts, whatever the work does with the
 * signal it is given: a one-time upstream call, once sent, goes on to its end with nobody waiting.
 * @throws ExchangeError DEADLINE_EXCEEDED, or what the work throws
 */
export async function withDeadline<T>(signal: AbortSignal, deadlineMs: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const over = Promise.withResolvers<never>();
  const end = (): void => {
    const failure = new ExchangeError("DEADLINE_EXCEEDED", { cause: signal.reason });
    controller.abort(failure);
    // The work is heard first, within this turn: it knows whether something one-time was under way.
    setImmediate(() => over.reject(failure));
  };
  // Work that throws at once is never raced against it.
  over.promise.catch(() => undefined);
  const timer = setTimeout(end, deadlineMs);
  signal.addEventListener("abort", end, { once: true });
  try {
    if (signal.aborted) end();
    const result = work(controller.signal);
    // Losing the race must not make its later failure an unhandled one.
    result.catch(() => undefined);
    return await Promise.race([result, over.promise]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", end);
  }
}
