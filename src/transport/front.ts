// The way in: every request on the port, in order: authority, headers, preflight, plain route, RPC. What is behind a path is the
// business of http-routes.ts and rpc-adapter.ts; connections are that of one-port.ts.

import { Code } from "@connectrpc/connect";
import { ExchangeError } from "../exchange/errors.ts";
import type { Call, PeerCertificate, Protocol } from "../rpc/call.ts";
import { hasPossibleAuthority } from "./authority.ts";
import type { Cors } from "./cors.ts";
import { type PlainPath, sendFraming, sendRefusal } from "./http-routes.ts";
import type { Limits } from "./limits.ts";
import type { OnRequest, PortRequest, PortResponse } from "./one-port.ts";
import { isRepeated } from "./repeated-headers.ts";
import { requestIdOf } from "./request-id.ts";
import { protocolOf, type Rpc } from "./rpc-adapter.ts";
import { discardRest } from "./time-limit.ts";
import { beginVisit, breakOff, unmatched, type Visit, type VisitDeps } from "./visit.ts";

export interface FrontDeps extends VisitDeps {
  readonly plain: ReadonlyMap<string, PlainPath>;
  readonly rpcs: ReadonlyMap<string, Rpc>;
  readonly cors: Cors;
  readonly limits: Limits;
  readonly freshId: () => string;
  /** Who is at the other end of the connection. */
  readonly peerOf: (req: PortRequest) => Peer;
}

export interface Peer {
  readonly address: string;
  readonly certificate: PeerCertificate | undefined;
}

const rpcMethods = ["POST"] as const;
const takesNoPlace = (): void => undefined;

export function createFront(deps: FrontDeps): OnRequest {
  const { plain, rpcs, cors, limits } = deps;

  return function onRequest(req, res) {
    const [path, query] = split(req.url ?? "");
    const route = plain.get(path);
    const rpc = route === undefined ? rpcs.get(path) : undefined;
    const refused = refusal(req, limits);
    const visit = begin(req, res, {
      protocol: rpc === undefined || refused !== undefined ? "http" : protocolOf(req.headers["content-type"] ?? ""),
      method: refused === undefined ? (route?.name ?? rpc?.name ?? unmatched) : unmatched,
    });
    try {
      const { origin } = visit.call;
      if (refused !== undefined) refuse(visit, refused);
      else if (req.method === "OPTIONS" && origin !== undefined) preflight(visit, origin, route?.methods ?? rpcMethods);
      else if (route !== undefined) route.serve(visit, query);
      else if (rpc !== undefined) rpc.serve(visit);
      else sendFraming(visit, req.method === "CONNECT" ? 501 : 404);
    } catch (cause) {
      breakOff(visit, cause);
    }
  };

  function begin(req: PortRequest, res: PortResponse, { protocol, method }: { protocol: Protocol; method: string }): Visit {
    const { address, certificate } = deps.peerOf(req);
    const call: Call = {
      requestId: requestIdOf(req.headers["x-request-id"], deps.freshId),
      protocol,
      method,
      origin: req.headers.origin,
      address,
      certificate,
      service: undefined,
      caller: "",
      notes: {},
      audited: undefined,
      leave: takesNoPlace,
      ended: false,
      decoded: false,
      failure: undefined,
    };
    const visit = beginVisit(req, res, { call, deps });
    discardRest(visit, limits);
    res.setHeader("x-request-id", call.requestId);
    res.setHeader("cache-control", "no-store");
    cors.mark(call.origin, res);
    return visit;
  }

  function preflight(visit: Visit, origin: string, methods: readonly string[]): void {
    visit.answered = true;
    cors.preflight(origin, methods, visit.res);
    if (visit.res.statusCode === 403) visit.bareCode = Code.PermissionDenied;
  }
}

function split(url: string): [path: string, query: string] {
  const mark = url.indexOf("?");
  return mark === -1 ? [url, ""] : [url.slice(0, mark), url.slice(mark + 1)];
}

type Refusal = "authority" | "headers";

function refusal(req: PortRequest, limits: Limits): Refusal | undefined {
  if ("stream" in req ? bytesOf(req.rawHeaders) > limits.headerBytes : req.rawHeaders.length / 2 > limits.headerCount) return "headers";
  return hasPossibleAuthority(req) && !isRepeated(req.rawHeaders, "host") ? undefined : "authority";
}

/** HTTP/1.1 bounds the bytes itself, HTTP/2 the number; but its bound for bytes binds only peers that acknowledged it. */
function bytesOf(rawHeaders: readonly string[]): number {
  let bytes = 0;
  for (const text of rawHeaders) bytes += text.length;
  return bytes;
}

/** Whoever frames requests like this is not spoken to again on the same connection. */
function refuse(visit: Visit, why: Refusal): void {
  if (!("stream" in visit.req)) visit.res.setHeader("connection", "close");
  if (why === "authority") sendRefusal(visit, new ExchangeError("MALFORMED_REQUEST"));
  else sendFraming(visit, 431);
}
