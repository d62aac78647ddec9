// RPCs over gRPC, gRPC-Web and Connect, by path. The usual unary call has a way of its own (unary.ts); for streams and whatever is
// unusual the Connect library speaks the protocol, and every error that it answers with is written anew (public-error.ts). Which RPCs
// there are and who may call them comes from outside.

import { Code, createConnectRouter, createContextValues } from "@connectrpc/connect";
import type { UniversalHandler } from "@connectrpc/connect/protocol";
import {
  compressionBrotli,
  compressionGzip,
  universalRequestFromNodeRequest,
  universalResponseToNodeResponse,
} from "@connectrpc/connect-node";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Http2ServerRequest, Http2ServerResponse } from "node:http2";
import { ExchangeError } from "../exchange/errors.ts";
import { callKey, type Protocol } from "../rpc/call.ts";
import { toConnectError } from "../rpc/wire-errors.ts";
import { dropLongTimeout } from "./client-timeout.ts";
import { envelopeHead, replaceErrors } from "./error-responses.ts";
import { toNode } from "./h2-exchange.ts";
import {
  type Around,
  createAroundInterceptor,
  createDeadlineInterceptor,
  createRequestGate,
  errorInterceptor,
  type RequestGate,
} from "./interceptors.ts";
import { letEnd } from "./let-end.ts";
import type { Limits } from "./limits.ts";
import type { OpenBodies } from "./open-bodies.ts";
import { type ErrorFor, publicError } from "./public-error.ts";
import { readBody } from "./read-body.ts";
import { collectMethods, type Services } from "./services.ts";
import { limitStream } from "./time-limit.ts";
import { createUnary, type ServeUnary } from "./unary.ts";
import { wireOf } from "./unary-wire.ts";
import { breakOff, type Visit, visitKey } from "./visit.ts";

export interface RpcAdapterOptions {
  readonly register: (services: Services) => void;
  /** Decides before the body is read; throws ExchangeError to refuse. */
  readonly requestGate: RequestGate;
  /** What every unary call is done within, inside its deadline, and every stream. */
  readonly around?: Around | undefined;
  /** Milliseconds for a unary call whose client sets no limit, and the upper limit for those that do. */
  readonly deadlineMs: number;
  readonly limits: Limits;
  readonly bodies: OpenBodies;
  /** Aborts what is still running when the process stops. */
  readonly shutdownSignal?: AbortSignal;
  /** What an error answer says. Default: written anew, whoever made the error, and no handler has a say in it. */
  readonly errorFor?: ErrorFor;
}

export interface Rpc {
  /** `cambio.v1.TokenExchangeService/Exchange` */
  readonly name: string;
  serve(visit: Visit): void;
}

interface NodeExchange {
  readonly req: IncomingMessage | Http2ServerRequest;
  readonly res: ServerResponse | Http2ServerResponse;
}

/** Larger than any message: responses carry secrets next to what a caller may choose, so they are never compressed. */
const neverCompress = 0xffff_ffff;

/** Path → RPC. */
export function createRpcAdapter(options: RpcAdapterOptions): ReadonlyMap<string, Rpc> {
  const { limits, deadlineMs, shutdownSignal, around, requestGate: gate, bodies, errorFor = publicError } = options;
  const shared = { gate, around, bodies, limits, deadlineMs, shutdownSignal, errorFor };
  const router = createConnectRouter({
    requestGate: createRequestGate(gate),
    interceptors: [
      errorInterceptor,
      createDeadlineInterceptor(deadlineMs),
      ...(around === undefined ? [] : [createAroundInterceptor(around)]),
    ],
    acceptCompression: [compressionGzip, compressionBrotli],
    compressMinBytes: neverCompress,
    ...(shutdownSignal === undefined ? {} : { shutdownSignal }),
  });
  const rpcs = new Map<string, Rpc>();
  for (const { spec, messageBytes, json } of collectMethods(options.register, limits)) {
    router.rpc(spec.method, spec.impl, { readMaxBytes: messageBytes, jsonOptions: json });
    const handler = router.handlers.at(-1);
    if (handler === undefined) throw new Error("the router has no handler for what it was given");
    const unary = spec.kind === "unary" ? createUnary(spec, { ...shared, messageBytes, json }) : undefined;
    rpcs.set(handler.requestPath, createRpc(handler, unary, options));
  }
  return rpcs;
}

/** By content type, in any case of letters, as the library reads it; anything else is Connect's to refuse. */
export function protocolOf(contentType: string): Protocol {
  if (!/^application\/grpc/i.test(contentType)) return "connect";
  return /^application\/grpc-web/i.test(contentType) ? "grpc-web" : "grpc";
}

function createRpc(handler: UniversalHandler, unary: ServeUnary | undefined, options: RpcAdapterOptions): Rpc {
  const { limits, bodies, deadlineMs, errorFor = publicError } = options;
  const kind = handler.method.methodKind;
  const open = kind === "server_streaming" ? "server" : kind === "unary" ? "no" : "client";

  function serve(visit: Visit): void {
    const { req, res } = visit;
    if (req.method !== "POST") {
      res.setHeader("allow", "POST, OPTIONS");
      return refuse(visit, 405);
    }
    const wire = unary === undefined ? undefined : wireOf(req);
    if (wire === undefined && !handler.supportedContentType(req.headers["content-type"] ?? "")) return refuse(visit, 415);
    limitStream(visit, limits, open);
    if (unary !== undefined && wire !== undefined) return unary(visit, wire);
    answer(visit).catch((cause: unknown) => breakOff(visit, cause));
  }

  async function answer(visit: Visit): Promise<void> {
    const { call } = visit;
    const node = nodeOf(visit);
    const values = createContextValues().set(callKey, call).set(visitKey, visit);
    const request = universalRequestFromNodeRequest(node.req, node.res, undefined, values);
    dropLongTimeout(request.header, call.protocol, deadlineMs);
    request.body = open === "client" ? openBody(node) : wholeBody(visit);
    const response = await handler(request);
    if (response.body === undefined) return refuse(visit, response.status);
    const replaced = await replaceErrors(response, {
      protocol: call.protocol,
      unary: kind === "unary",
      replace: (code) => errorFor(visit, code),
      done: () => {
        visit.answered = true;
      },
    });
    // Only a refusal can come before the body was read; for all other answers there is nothing to wait for.
    if (open !== "client") await letEnd(visit.req, limits);
    await universalResponseToNodeResponse(replaced, node.res);
  }

  async function* wholeBody(visit: Visit): AsyncGenerator<Uint8Array> {
    try {
      yield await readBody(visit.req, { maxBytes: limits.messageBytes + envelopeHead, bodies });
    } catch (thrown) {
      if (!(thrown instanceof ExchangeError)) throw thrown;
      visit.call.failure ??= thrown;
      throw toConnectError(thrown, visit.call.requestId);
    }
  }

  return { name: handler.requestPath.slice(1), serve };
}

/** The library takes Node's own objects. */
function nodeOf({ req, res }: Visit): NodeExchange {
  if ("stream" in req && "stream" in res) return toNode(req, res);
  if ("stream" in req || "stream" in res) throw new Error("a request and its answer are not of one version of HTTP");
  return { req, res };
}

/**
 * A body that is read while it comes. Whoever stops early leaves a request that is still being read, or destroys it; neither gives
 * Node a way to throw away the rest, and the next request on an HTTP/1.1 connection would wait behind it until its time is over.
 */
function openBody({ req, res }: NodeExchange): AsyncIterable<Uint8Array> {
  res.once("finish", () => {
    req.removeAllListeners("readable");
    req.resume();
  });
  return req.iterator({ destroyOnReturn: false });
}

/** A failure of framing: no protocol was agreed on, so there is nothing to say it in. */
function refuse(visit: Visit, status: number): void {
  visit.bareCode ??= Code.Unimplemented;
  visit.answered = true;
  if (status === 505) visit.res.setHeader("connection", "close");
  visit.res.statusCode = status;
  visit.res.end();
}
