// Listens where the redirect URI points, on loopback only, until the one callback came. What a request is, is login-callback.ts.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { LoopbackParts } from "../exchange/redirect-uri.ts";
import { type Callback, type Expected, judge } from "./login-callback.ts";
import { LoginFailure } from "./login-failure.ts";
import { pageHeaders, refusalPage, thanksPage } from "./login-pages.ts";

export interface LoginListener {
  /** With the port that was taken. */
  readonly redirectUri: string;
  /** The first callback with that state. Until it is asked for, nothing is one. @throws the signal's reason */
  callback(state: string, signal: AbortSignal): Promise<Callback>;
  /** Nothing listens any more, and no connection is open. */
  close(): Promise<void>;
}

/** Bytes of a request's head; time in which it must be there; connections at one time. A browser needs a fraction of each. */
const limits = {
  maxHeaderSize: 16_384,
  headersTimeout: 5_000,
  requestTimeout: 5_000,
  connectionsCheckingInterval: 1_000,
  keepAliveTimeout: 1,
};
const maxConnections = 16;
/** For a free port that is free on both addresses of `localhost`. */
const attempts = 5;
/** For a browser to take the page that was sent to it. */
const graceMs = 500;

/** @throws LoginFailure */
export async function listen(redirect: LoopbackParts): Promise<LoginListener> {
  let expected: Expected | undefined;
  let came: ((callback: Callback) => void) | undefined;

  function answer(request: IncomingMessage, response: ServerResponse): void {
    const judgement = expected === undefined ? { kind: "other" as const, status: 404 } : judge(request, expected);
    if (judgement.kind === "other") {
      response.writeHead(judgement.status, pageHeaders).end(refusalPage);
      return;
    }
    // From here on nothing is expected: the same request a second time is anybody's.
    expected = undefined;
    response.writeHead(200, pageHeaders).end(thanksPage);
    const { callback } = judgement;
    response.once("close", () => came?.(callback));
  }

  const { servers, port } = await listenAll(redirect, answer);
  const redirectUri = `${redirect.front}:${port}${redirect.rest}`;
  const { host, pathname } = new URL(redirectUri);

  return {
    redirectUri,
    callback: (state, signal) =>
      new Promise((resolve, reject) => {
        const leave = () => reject(signal.reason);
        if (signal.aborted) return leave();
        signal.addEventListener("abort", leave, { once: true });
        came = resolve;
        expected = { host, path: pathname, state };
      }),
    async close() {
      expected = undefined;
      await closeAll(servers);
    },
  };
}

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

const addresses: Readonly<Record<string, readonly string[]>> = {
  "http://127.0.0.1": ["127.0.0.1"],
  "http://[::1]": ["::1"],
  // A browser may try either. Both are taken, so that no other program of this machine is asked instead.
  "http://localhost": ["127.0.0.1", "::1"],
};

async function listenAll({ front, port: fixed = 0 }: LoopbackParts, answer: Answer): Promise<{ servers: readonly Server[]; port: number }> {
  for (let attempt = 1; ; attempt += 1) {
    const servers: Server[] = [];
    let port = fixed;
    let problem: string | undefined;
    for (const address of addresses[front] ?? []) {
      const server = createServer(limits, answer);
      server.maxConnections = maxConnections;
      const code = await listenAt(server, address, port);
      if (code === undefined) {
        servers.push(server);
        port = portOf(server);
      } else if (!hasNoSuchAddress(code)) problem = code;
    }
    if (problem === undefined && servers.length > 0) return { servers, port };
    await closeAll(servers);
    if (problem === "EADDRINUSE" && fixed === 0 && attempt < attempts) continue;
    throw new LoginFailure(sentenceFor(problem, front.slice("http://".length), fixed));
  }
}

/** The system's code where it cannot. */
function listenAt(server: Server, host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const failed = (failure: NodeJS.ErrnoException) => resolve(failure.code ?? "unknown");
    server.once("error", failed);
    server.listen({ host, port, exclusive: true }, () => {
      server.off("error", failed);
      resolve(undefined);
    });
  });
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("it listens at no port");
  return address.port;
}

/** A machine without IPv6, or without IPv4. */
function hasNoSuchAddress(code: string): boolean {
  return code === "EADDRNOTAVAIL" || code === "EAFNOSUPPORT";
}

function sentenceFor(code: string | undefined, host: string, port: number): string {
  const place = port === 0 ? `on ${host}` : `on port ${port} of ${host}, where the redirect URI points`;
  if (code === "EADDRINUSE") return `another program listens ${place}: end it, or choose another --redirect-uri`;
  if (code === "EACCES") return `this user may not listen ${place}: choose a --redirect-uri with a port beyond 1023`;
  return `nothing can listen ${place}: ${code ?? "this machine has no such address"}`;
}

async function closeAll(servers: readonly Server[]): Promise<void> {
  const closing = servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve())));
  const end = setTimeout(() => servers.forEach((server) => server.closeAllConnections()), graceMs);
  await Promise.all(closing);
  clearTimeout(end);
}
