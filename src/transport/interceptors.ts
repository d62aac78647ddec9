// What the transport puts around every handler: the gate before the body, the conversion of whatever is thrown, the deadline.
// Who may call is decided by the gate that it is given.

import type { ContextValues, HandlerContext, Interceptor } from "@connectrpc/connect";
import { ExchangeError } from "../exchange/errors.ts";
import type { Call } from "../rpc/call.ts";
import type { ShownHeader } from "../rpc/caller.ts";
import { noteThrown } from "./public-error.ts";
import { hasRepeatedAuthorization } from "./repeated-headers.ts";
import { withDeadline } from "./time-limit.ts";
import { type Visit, visitKey } from "./visit.ts";

/** Of repeated `authorization` headers the gate may make what it likes; such a call is refused in any case. */
export type RequestGate = (context: HandlerContext, shown: ShownHeader) => void | Promise<void>;

export function visitOf(values: ContextValues): Visit {
  const visit = values.get(visitKey);
  if (visit === undefined) throw new Error("a request reached a handler without a visit");
  return visit;
}

/**
 * Runs before a byte of the body is read. Two `authorization` headers are refused: which of them is meant cannot be known.
 * A promise only where something is waited for.
 * @throws ExchangeError, at once or by the promise
 */
export function passGate(gate: RequestGate, context: HandlerContext, { req }: Visit): void | Promise<void> {
  const repeated = hasRepeatedAuthorization(req.rawHeaders);
  const passed = gate(context, { repeated, authorization: req.headers.authorization });
  return repeated ? refuseRepeated(passed) : passed;
}

async function refuseRepeated(passed: void | Promise<void>): Promise<never> {
  await passed;
  throw new ExchangeError("CALLER_UNAUTHENTICATED", { field: "CALLER" });
}

/** The gate, as Connect runs it. */
export function createRequestGate(gate: RequestGate): (context: HandlerContext) => Promise<void> {
  return async (context) => {
    const visit = visitOf(context.values);
    try {
      await passGate(gate, context, visit);
    } catch (thrown) {
      throw noteThrown(visit, thrown);
    }
  };
}

/** What a call is done within, such as its span. */
export type Around = <T>(call: Call, work: () => Promise<T>) => Promise<T>;

export function createAroundInterceptor(around: Around): Interceptor {
  return (next) => (req) => around(visitOf(req.contextValues).call, () => next(req));
}

/** Outermost. Past it there are only errors of our making, and the call knows why it failed. */
export const errorInterceptor: Interceptor = (next) => async (req) => {
  const visit = visitOf(req.contextValues);
  try {
    if (req.stream) {
      const res = await next(req);
      return res.stream ? { ...res, message: noting(visit, res.message) } : res;
    }
    visit.call.decoded = true;
    return await next(req);
  } catch (thrown) {
    throw noteThrown(visit, thrown);
  }
};

/**
 * Every unary call ends by its deadline: ours, or the client's where that is nearer. Streams are bounded elsewhere
 * (time-limit.ts, and the connection's age): a health watch is meant to stay.
 */
export function createDeadlineInterceptor(deadlineMs: number): Interceptor {
  return (next) => async (req) => {
    if (req.stream) return await next(req);
    return await withDeadline(req.signal, deadlineMs, (signal) => next({ ...req, signal }));
  };
}

async function* noting<T>(visit: Visit, messages: AsyncIterable<T>): AsyncGenerator<T> {
  try {
    yield* messages;
  } catch (thrown) {
    throw noteThrown(visit, thrown);
  }
}
