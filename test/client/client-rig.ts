// An exchange and an API as a page meets them, on real sockets; both count what they are asked and answer what a test says. The clock
// stands still until it is moved.

import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { type CambioClient, type CambioClientOptions, createCambioClient } from "../../src/client/index.ts";

export interface Seen {
  readonly method: string;
  readonly path: string;
  /** Empty: the header is not there. */
  readonly authorization: string;
  readonly contentType: string;
  readonly body: string;
}

export interface Reply {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** A string is sent as it is, anything else as JSON. Undefined: no body. */
  readonly body?: unknown;
}

export interface Endpoint {
  readonly seen: Seen[];
  reply: (seen: Seen, number: number) => Reply | Promise<Reply>;
}

export interface ClientRig {
  readonly url: string;
  readonly exchange: Endpoint;
  readonly api: Endpoint;
  readonly time: { nowMs: number };
  /** Closed with the rig. */
  client(options?: CambioClientOptions): CambioClient;
  close(): Promise<void>;
}

export const tokenFor = (number: number, more: object = {}): Reply => ({
  body: { token: `token-${number}`, expiresIn: 900, userId: "alice", ...more },
});

export const expiredReply: Reply = {
  status: 401,
  headers: { "www-authenticate": 'Bearer error="invalid_token", error_description="The token expired at 2026-11-27T10:00:00.000Z"' },
  body: { error: "invalid_token" },
};

/** @param basePath where the exchange is */
export async function startClientRig(basePath = "/api/auth/backend-token"): Promise<ClientRig> {
  const exchange: Endpoint = { seen: [], reply: (_, number) => tokenFor(number) };
  const api: Endpoint = { seen: [], reply: (seen) => ({ body: seen }) };
  const time = { nowMs: Date.UTC(2026, 10, 27, 10) };
  const clients: CambioClient[] = [];

  const server = createServer((request, response) => {
    void (async () => {
      const endpoint = request.url === basePath ? exchange : api;
      const seen = await read(request);
      endpoint.seen.push(seen);
      const { status = 200, headers = {}, body } = await endpoint.reply(seen, endpoint.seen.length);
      const text = typeof body === "string" ? body : body === undefined ? "" : JSON.stringify(body);
      response.writeHead(status, { "content-type": "application/json", ...headers }).end(text);
    })().catch(() => request.socket.destroy());
  });
  // More than the backlog that is usual: a thousand calls come at once.
  await new Promise<void>((resolve) => server.listen({ port: 0, host: "localhost", backlog: 2_000 }, resolve));
  const url = `http://localhost:${(server.address() as AddressInfo).port}`;

  return {
    url,
    exchange,
    api,
    time,
    client(options) {
      const client = createCambioClient({ baseUrl: url, apiBaseUrl: url, now: () => time.nowMs, ...options });
      clients.push(client);
      return client;
    },
    close() {
      for (const client of clients) client.close();
      return new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
    },
  };
}

async function read(request: IncomingMessage): Promise<Seen> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return {
    method: request.method ?? "",
    path: request.url ?? "",
    authorization: request.headers.authorization ?? "",
    contentType: request.headers["content-type"] ?? "",
    body: Buffer.concat(chunks).toString("utf8"),
  };
}

/** What a promise is rejected with. */
export async function failureOf(work: Promise<unknown>): Promise<unknown> {
  try {
    await work;
  } catch (failure) {
    return failure;
  }
  throw new Error("This was not rejected.");
}
