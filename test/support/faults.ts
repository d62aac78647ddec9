// Ways for an HTTP endpoint to misbehave on a real socket, and the script that says when.
// The request was read to its end before any of them: whoever sent it cannot know what became of it.

import type { IncomingMessage, ServerResponse } from "node:http";

export type Fault =
  | { readonly kind: "hang-before-headers" }
  | { readonly kind: "hang-after-headers" }
  | { readonly kind: "hang-in-body" }
  /** Promises more bytes than it sends, then closes. */
  | { readonly kind: "truncate" }
  | { readonly kind: "reset" }
  /** Bytes at a steady pace without end, so that no pause is ever long. */
  | { readonly kind: "drip" }
  | { readonly kind: "status"; readonly status: number; readonly body?: unknown; readonly headers?: Readonly<Record<string, string>> }
  | { readonly kind: "html"; readonly status?: number }
  /** To a path of the same server that counts its visitors. */
  | { readonly kind: "redirect"; readonly status?: number }
  | { readonly kind: "error-in-200"; readonly error: string }
  /** A JSON object of exactly so many bytes. */
  | { readonly kind: "huge"; readonly bytes: number; readonly chunked?: boolean }
  /** These bytes instead of an HTTP answer, then the end. */
  | { readonly kind: "raw"; readonly bytes: string }
  /** The endpoint does its work first: what was one-time is spent, and only the answer suffers. */
  | { readonly kind: "after-work"; readonly answer: Exclude<Fault, { readonly kind: "after-work" }> };

export interface FaultScript<Name extends string, What = Fault> {
  /** The next request to that endpoint, or the next few, meet this fault. */
  next(endpoint: Name, fault: What, times?: number): void;
  /** Every request, until `clear`. */
  always(endpoint: Name, fault: What): void;
  clear(): void;
  take(endpoint: Name): What | undefined;
}

export const redirectTargetPath = "/redirect-target";
const dripEveryMs = 20;

export function createFaultScript<Name extends string, What = Fault>(): FaultScript<Name, What> {
  const queued: { readonly endpoint: Name; readonly fault: What }[] = [];
  const standing = new Map<Name, What>();
  return {
    next: (endpoint, fault, times = 1) => void queued.push(...Array.from({ length: times }, () => ({ endpoint, fault }))),
    always: (endpoint, fault) => void standing.set(endpoint, fault),
    clear: () => {
      queued.length = 0;
      standing.clear();
    },
    take: (endpoint) => {
      const at = queued.findIndex((entry) => entry.endpoint === endpoint);
      return at < 0 ? standing.get(endpoint) : queued.splice(at, 1)[0]?.fault;
    },
  };
}

export function misbehave(fault: Fault, request: IncomingMessage, response: ServerResponse): void {
  const json = { "content-type": "application/json" };
  switch (fault.kind) {
    case "hang-before-headers":
      return;
    case "hang-after-headers":
      response.writeHead(200, json).flushHeaders();
      return;
    case "hang-in-body":
      response.writeHead(200, json).write('{"access_token":');
      return;
    case "truncate":
      response.writeHead(200, { ...json, "content-length": "1000" }).write('{"access_token":"half', () => request.socket.end());
      return;
    case "reset":
      request.socket.resetAndDestroy();
      return;
    case "drip":
      drip(response.writeHead(200, json));
      return;
    case "status":
      answer(response, fault.status, fault.body ?? {}, { ...json, ...fault.headers });
      return;
    case "html":
      answer(response, fault.status ?? 200, "<html><body>Welcome</body></html>", { "content-type": "text/html" });
      return;
    case "redirect":
      answer(response, fault.status ?? 302, "", { location: redirectTargetPath });
      return;
    case "error-in-200":
      answer(response, 200, { error: fault.error, error_description: "canary-description" }, json);
      return;
    case "huge":
      huge(response, fault);
      return;
    case "raw":
      request.socket.end(Buffer.from(fault.bytes, "latin1"));
      return;
    case "after-work":
      misbehave(fault.answer, request, response);
      return;
  }
}

function answer(response: ServerResponse, status: number, body: unknown, headers: Readonly<Record<string, string>>): void {
  response.writeHead(status, headers).end(typeof body === "string" ? body : JSON.stringify(body));
}

function drip(response: ServerResponse): void {
  const timer = setInterval(() => response.write(" "), dripEveryMs);
  response.on("close", () => clearInterval(timer));
}

function huge(response: ServerResponse, fault: { readonly bytes: number; readonly chunked?: boolean }): void {
  const empty = '{"filler":""}';
  const body = `{"filler":"${"x".repeat(fault.bytes - empty.length)}"}`;
  const length = fault.chunked === true ? {} : { "content-length": String(body.length) };
  response.writeHead(200, { "content-type": "application/json", ...length });
  // In pieces: Node would add the length itself to an answer that is ended with its only piece.
  response.write(body.slice(0, 10));
  response.end(body.slice(10));
}
