// The socket of a strict fake provider: keeps what it is asked, holds requests, follows a fault script, counts how many came at once.
// What an endpoint answers is the provider's matter. A handler gives its answer as a value, so that its work can be done and the answer
// be lost. A request that did not arrive whole (its sender was killed) was never made; one that did is worked on, whoever is left to hear.

import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import { parsedBody } from "./fake-upstream-body.ts";
import { createArrivals } from "./fake-upstream-arrivals.ts";
import { createFaultScript, type Fault, type FaultScript, misbehave } from "./faults.ts";

export type UpstreamFault =
  | Fault
  /** The proper answer, so much later; the work is done at once. */
  | { readonly kind: "slow"; readonly ms: number }
  /**
   * The proper answer with these members over its own; undefined takes one away. A refresh whose answer carries no `refresh_token` leaves
   * the one that was presented as it was.
   */
  | { readonly kind: "changed"; readonly members: Readonly<Record<string, unknown>> };

/** The work is done, what was one-time is spent, and the connection ends before the first byte of the answer. */
export const answerLost: UpstreamFault = { kind: "after-work", answer: { kind: "reset" } };

export interface UpstreamCall<Endpoint extends string = string> {
  readonly endpoint: Endpoint | "unknown";
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  /** As it came. */
  readonly text: string;
  /** Read by its content type, form or JSON; undefined where it is neither, or not an object. */
  readonly body: Readonly<Record<string, unknown>> | undefined;
  /** Milliseconds of the fake's clock. */
  readonly at: number;
  /** What the script had for it; undefined also for one that still waits. */
  fault?: UpstreamFault | undefined;
}

export interface UpstreamReply {
  readonly status: number;
  /** A string is HTML, anything else is sent as JSON; undefined is nothing. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface UpstreamService<Endpoint extends string> {
  readonly paths: Readonly<Record<string, Endpoint>>;
  answer(call: UpstreamCall<Endpoint>): UpstreamReply | Promise<UpstreamReply>;
  /** Answered in the endpoint's place, before any fault. */
  readonly before?: ((call: UpstreamCall<Endpoint>) => UpstreamReply | undefined) | undefined;
  /** The endpoint was never asked: the call met this fault instead. */
  readonly untouched?: (call: UpstreamCall<Endpoint>, fault: Fault) => void;
  /** The status that is about to be sent. */
  readonly answers?: ((status: number) => void) | undefined;
}

export interface UpstreamServer<Endpoint extends string> {
  readonly origin: string;
  readonly requests: readonly UpstreamCall<Endpoint>[];
  readonly faults: FaultScript<Endpoint, UpstreamFault>;
  callsTo(endpoint: Endpoint | "unknown"): number;
  /**
   * Requests to that endpoint arrive, and go on only once the returned function was called.
   * @param where default `arrival`: nothing was done yet; `answer`: all is done, nothing is answered
   */
  hold(endpoint: Endpoint, where?: "arrival" | "answer"): () => void;
  /** The most requests that this endpoint had open at one time. */
  mostAtOnce(endpoint: Endpoint): number;
  /** The most that came to it within any second, of the fake's clock or of real time. */
  mostWithinASecond(endpoint: Endpoint, by: "clock" | "real"): number;
  /** Connections open now. */
  connections(): number;
  close(): Promise<void>;
}

/** The port is taken first, since what is served there knows its own address. */
export async function listenForUpstream(): Promise<{ readonly origin: string; readonly server: Server }> {
  const server = createServer();
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  return { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server };
}

export function serveUpstream<Endpoint extends string>(
  { origin, server }: { readonly origin: string; readonly server: Server },
  service: UpstreamService<Endpoint>,
  clock: () => number,
): UpstreamServer<Endpoint> {
  const requests: UpstreamCall<Endpoint>[] = [];
  const faults = createFaultScript<Endpoint, UpstreamFault>();
  const held = { arrival: new Map<string, Promise<void>>(), answer: new Map<string, Promise<void>>() };
  const arrivals = createArrivals(clock);
  const closing = new AbortController();
  const sockets = new Set<Socket>();
  server.on("request", (request, response) => void serve(request, response).catch(() => request.socket.destroy()));
  server.on("connection", (socket) => void sockets.add(socket.once("close", () => void sockets.delete(socket))));

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", origin);
    const endpoint = service.paths[url.pathname] ?? "unknown";
    response.once("close", arrivals.enter(endpoint));
    response.on("error", () => undefined);
    const text = await readText(request);
    const { headers, method = "" } = request;
    const body = parsedBody(text, headers["content-type"]);
    const call: UpstreamCall<Endpoint> = {
      endpoint,
      method,
      path: url.pathname,
      query: url.searchParams,
      headers,
      text,
      body,
      at: clock(),
    };
    requests.push(call);
    await held.arrival.get(endpoint);
    const instead = service.before?.(call);
    if (instead !== undefined) return send(response, instead);
    call.fault = endpoint === "unknown" ? undefined : faults.take(endpoint);
    const reply = await replyTo(call);
    if (reply === undefined) return misbehave(call.fault as Fault, request, response);
    service.answers?.(reply.status);
    return send(response, reply);
  }

  /** @returns undefined where the fault answers */
  async function replyTo(call: UpstreamCall<Endpoint>): Promise<UpstreamReply | undefined> {
    const { fault } = call;
    if (fault !== undefined && !isWorkedOn(fault)) {
      service.untouched?.(call, fault);
      if ("status" in fault && fault.status !== undefined) service.answers?.(fault.status);
      return undefined;
    }
    const reply = await service.answer(call);
    await held.answer.get(call.endpoint);
    if (fault?.kind === "after-work") return undefined;
    if (fault?.kind === "slow") await wait(fault.ms, undefined, { signal: closing.signal });
    return fault?.kind === "changed" && reply.status === 200 ? { ...reply, body: { ...(reply.body as object), ...fault.members } } : reply;
  }

  return {
    origin,
    requests,
    faults,
    callsTo: (endpoint) => requests.filter((call) => call.endpoint === endpoint).length,
    hold(endpoint, where = "arrival") {
      const { promise, resolve } = Promise.withResolvers<void>();
      held[where].set(endpoint, promise);
      return () => {
        held[where].delete(endpoint);
        resolve();
      };
    },
    mostAtOnce: arrivals.mostAtOnce,
    mostWithinASecond: arrivals.mostWithinASecond,
    connections: () => sockets.size,
    async close() {
      closing.abort();
      const gone = [...sockets].map((socket) => once(socket, "close"));
      const closed = once(server.close(), "close");
      for (const socket of sockets) socket.destroy();
      await Promise.all([closed, ...gone]);
    },
  };
}

function isWorkedOn(fault: UpstreamFault): fault is Exclude<UpstreamFault, Exclude<Fault, { kind: "after-work" }>> {
  return fault.kind === "after-work" || fault.kind === "slow" || fault.kind === "changed";
}

async function readText(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString("utf8");
}

function send(response: ServerResponse, { status, body, headers }: UpstreamReply): void {
  const type = typeof body === "string" ? "text/html; charset=utf-8" : "application/json";
  response.writeHead(status, { "cache-control": "no-store", ...(body === undefined ? {} : { "content-type": type }), ...headers });
  response.end(body === undefined || typeof body === "string" ? body : JSON.stringify(body));
}
