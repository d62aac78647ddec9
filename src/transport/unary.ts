// The way of a usual unary call, of every protocol: gate, body in one piece, message, handler, one answer. The same contract as
// Connect's own way (rpc-adapter.ts), without what is costly there and few calls need: iterables around the body, an abort signal
// for every call (docs/decisions/0025-a-way-of-its-own-for-unary-calls.md).

import { create, type MessageShape } from "@bufbuild/protobuf";
import type { MethodImplSpec } from "@connectrpc/connect";
import { createMethodSerializationLookup } from "@connectrpc/connect/protocol";
import { encodingsOf } from "../rpc/given-again.ts";
import { envelopeHead } from "./error-responses.ts";
import { type Around, passGate, type RequestGate } from "./interceptors.ts";
import { letEnd } from "./let-end.ts";
import type { Limits } from "./limits.ts";
import type { OpenBodies } from "./open-bodies.ts";
import { type ErrorFor, noteThrown } from "./public-error.ts";
import { readBody } from "./read-body.ts";
import type { Registered } from "./services.ts";
import { UnaryContext } from "./unary-context.ts";
import { type UnaryLimits, UnaryTime } from "./unary-time.ts";
import type { UnaryWire } from "./unary-wire.ts";
import { breakOff, type Visit } from "./visit.ts";

export interface UnaryOptions extends UnaryLimits {
  readonly gate: RequestGate;
  readonly around: Around | undefined;
  /** Bytes of a request's message. */
  readonly messageBytes: number;
  /** How messages are written as JSON, and read. */
  readonly json: Registered["json"];
  readonly bodies: OpenBodies;
  readonly limits: Limits;
  readonly errorFor: ErrorFor;
}

export type ServeUnary = (visit: Visit, wire: UnaryWire) => void;

/** Larger than any answer. */
const unbounded = 0xffff_ffff;

export function createUnary(spec: MethodImplSpec & { kind: "unary" }, options: UnaryOptions): ServeUnary {
  const { method, impl } = spec;
  const { gate, around, messageBytes, json, bodies, limits, deadlineMs, errorFor } = options;
  const sizes = { readMaxBytes: messageBytes, writeMaxBytes: unbounded };
  const formats = createMethodSerializationLookup(method, undefined, json, sizes);
  const bounds = { maxBytes: messageBytes + envelopeHead, bodies };

  async function answer(visit: Visit, wire: UnaryWire): Promise<void> {
    const { req, res, call } = visit;
    const named = wire.parseTimeout(headerOf(visit, wire.timeoutHeader), Infinity);
    const isNearer = named.timeoutMs !== undefined && named.timeoutMs < deadlineMs;
    const time = new UnaryTime(visit, options, isNearer ? named.timeoutMs : undefined);
    const context = new UnaryContext(visit, method, time);
    let bytes: Uint8Array;
    try {
      const passing = passGate(gate, context, visit);
      if (passing !== undefined) await passing;
      if (named.error !== undefined) throw named.error;
      const body = await readBody(req, bounds);
      const request = formats.getI(wire.binary).parse(wire.message(body, messageBytes));
      call.decoded = true;
      const response = around === undefined ? impl(request, context) : around(call, async () => impl(request, context));
      const message = response instanceof Promise ? await time.within(response) : response;
      bytes = encode(create(method.output, message), wire.binary);
    } catch (thrown) {
      const error = errorFor(visit, noteThrown(visit, thrown).code);
      const ending = letEnd(req, limits);
      if (ending !== undefined) await ending;
      visit.answered = !visit.closed;
      return wire.refuse(res, error, context.added);
    } finally {
      time.settle();
    }
    visit.answered = !visit.closed;
    wire.answer(res, bytes, context.added);
  }

  function encode(message: MessageShape<typeof method.output>, binary: boolean): Uint8Array {
    const kept = encodingsOf(message);
    const format = binary ? "binary" : "json";
    const known = kept?.[format];
    if (known !== undefined) return known;
    const bytes = formats.getO(binary).serialize(message);
    if (kept !== undefined) kept[format] = bytes;
    return bytes;
  }

  return (visit, wire) => {
    answer(visit, wire).catch((cause: unknown) => breakOff(visit, cause));
  };
}

function headerOf({ req }: Visit, name: string): string | null {
  const value = req.headers[name];
  return typeof value === "string" ? value : null;
}
