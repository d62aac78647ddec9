// RPCs over gRPC, gRPC-Web and Connect: finds the handler for a path, lets the Connect library speak the protocol, and sends what
// it answers, with every error written anew (public-error.ts). Which RPCs there are and who may call them comes from outside.

import { Code, type ConnectRouter, createConnectRouter, createContextValues, type Interceptor } from "@connectrpc/connect";
import type { UniversalHandler, UniversalServerRequest } from "@connectrpc/connect/protocol";
import {
  compressionBrotli,
  compressionGzip,
  universalRequestFromNodeRequest,
  universalResponseToNodeResponse,
} from "@connectrpc/connect-node";
import { ExchangeError } from "../exchange/errors.ts";
import { callKey, type Protocol } from "../rpc/call.ts";
import { toConnectError } from "../rpc/wire-errors.ts";
import { dropLongTimeout } from "./client-timeout.ts";
import { envelopeHead, replaceErrors } from "./error-responses.ts";
import { createDeadlineInterceptor, createRequestGate, errorInterceptor, type RequestGate } from "./interceptors.ts";
import type { Limits } from "./limits.ts";
import type { OpenBodies } from "./open-bodies.ts";
import { type ErrorFor, publicError } from "./public-error.ts";
import { readBody } from "./read-body.ts";
import { limitStream } from "./time-limit.ts";
import { breakOff, type Visit, visitKey } from "./visit.ts";

export interface RpcAdapterOptions {
  readonly routes: (router: ConnectRouter) => void;
  /** Decides before the body is read; throws ExchangeError to refuse. */
  readonly requestGate: RequestGate;
  /** Inside error conversion and deadline. */
  readonly interceptors?: readonly Interceptor[];
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

/** Larger than any message: responses carry secrets next to what a caller may choose, so they are never compressed. */
const neverCompress = 0xffff_ffff;

/** Path → RPC. */
export function createRpcAdapter(options: RpcAdapterOptions): ReadonlyMap<string, Rpc> {
  const { limits, deadlineMs, shutdownSignal } = options;
  const router = createConnectRouter({
    requestGate: createRequestGate(options.requestGate),
    interceptors: [errorInterceptor, createDeadlineInterceptor(deadlineMs), ...(options.interceptors ?? [])],
    acceptCompression: [compressionGzip, compressionBrotli],
    compressMinBytes: neverCompress,
    readMaxBytes: limits.messageBytes,
    ...(shutdownSignal === undefined ? {} : { shutdownSignal }),
  });
  options.routes(router);
  return new Map(router.handlers.map((handler) => [handler.requestPath, createRpc(handler, options)]));
}

/** By content type; anything else is Connect's to refuse. */
export function protocolOf(contentType: string): Protocol {
  if (!contentType.startsWith("application/grpc")) return "connect";
  return contentType.startsWith("application/grpc-web") ? "grpc-web" : "grpc";
}

function createRpc(handler: UniversalHandler, options: RpcAdapterOptions): Rpc {
  const { limits, bodies, deadlineMs, errorFor = publicError } = options;
  const kind = handler.method.methodKind;
  const open = kind === "server_streaming" ? "server" : kind === "unary" ? "no" : "client";

  function serve(visit: Visit): void {
    const { req, res } = visit;
    if (req.method !== "POST") {
      res.setHeader("allow", "POST, OPTIONS");
      return refuse(visit, 405);
    }
    if (!handler.supportedContentType(req.headers["content-type"] ?? "")) return refuse(visit, 415);
    limitStream(visit, limits, open);
    answer(visit).catch((cause: unknown) => breakOff(visit, cause));
  }

  async function answer(visit: Visit): Promise<void> {
    const { res, call } = visit;
    const request = universalRequest(visit);
    dropLongTimeout(request.header, call.protocol, deadlineMs);
    request.body = open === "client" ? openBody(visit) : wholeBody(visit);
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
    await universalResponseToNodeResponse(replaced, res);
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

/**
 * A body that is read while it comes. Whoever stops early leaves a request that is still being read, or destroys it; neither gives
 * Node a way to throw away the rest, and the next request on an HTTP/1.1 connection would wait behind it until its time is over.
 */
function openBody({ req, res }: Visit): AsyncIterable<Uint8Array> {
  res.once("finish", () => {
    req.removeAllListeners("readable");
    req.resume();
  });
  return req.iterator({ destroyOnReturn: false });
}

function universalRequest(visit: Visit): UniversalServerRequest {
  const values = createContextValues().set(callKey, visit.call).set(visitKey, visit);
  return universalRequestFromNodeRequest(visit.req, visit.res, undefined, values);
}

/** A failure of framing: no protocol was agreed on, so there is nothing to say it in. */
function refuse(visit: Visit, status: number): void {
  visit.bareCode ??= Code.Unimplemented;
  visit.answered = true;
  if (status === 505) visit.res.setHeader("connection", "close");
  visit.res.statusCode = status;
  visit.res.end();
}
