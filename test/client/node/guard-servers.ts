// One guarded address on each kind of server, answering with the claims that its handler was given.

import { once } from "node:events";
import { createServer, type IncomingMessage, request as send } from "node:http";
import type { AddressInfo } from "node:net";
import express from "express";
import fastify from "fastify";
import { expect } from "vitest";
import { claimsOf, type RequiredToken, type TokenClaims } from "../../../src/client/node/index.ts";

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly text: string;
}

export interface GuardedServer {
  /** @param authorization values of as many headers */
  get(...authorization: readonly string[]): Promise<Answer>;
  close(): Promise<unknown>;
}

const shown = ({ subject, scopes, expiresAt }: TokenClaims) => ({ subject, scopes, expiresAt: expiresAt.toISOString() });

async function startExpress({ express: guard }: RequiredToken): Promise<GuardedServer> {
  const app = express();
  app.get("/orders", guard, (request, response) => {
    expect(Reflect.get(request, "auth")).toBe(claimsOf(request));
    response.json(shown(claimsOf(request)));
  });
  const server = app.listen(0, "localhost");
  await once(server, "listening");
  return { get: getFrom(server.address() as AddressInfo), close: () => new Promise((resolve) => server.close(resolve)) };
}

async function startFastify({ fastify: guard }: RequiredToken): Promise<GuardedServer> {
  const app = fastify();
  app.get("/orders", { onRequest: guard }, (request, reply) => {
    expect(Reflect.get(request, "auth")).toBe(claimsOf(request));
    void reply.send(shown(claimsOf(request)));
  });
  await app.listen({ port: 0, host: "localhost" });
  return { get: getFrom(app.server.address() as AddressInfo), close: () => app.close() };
}

/** As Connect's and other plain stacks of middleware do it. */
async function startPlain({ express: guard }: RequiredToken): Promise<GuardedServer> {
  const server = createServer((request, response) => {
    void guard(request, response, (failure) => {
      response.writeHead(failure === undefined ? 200 : 500).end(failure === undefined ? JSON.stringify(shown(claimsOf(request))) : "");
    });
  }).listen(0, "localhost");
  await once(server, "listening");
  return { get: getFrom(server.address() as AddressInfo), close: () => new Promise((resolve) => server.close(resolve)) };
}

async function startFetchHandler({ fetch: guarded }: RequiredToken): Promise<GuardedServer> {
  const handle = guarded((_request, claims, extra: string) => Response.json({ ...shown(claims), extra }));
  return {
    async get(...authorization) {
      const headers = new Headers();
      for (const value of authorization) headers.append("authorization", value);
      const response = await handle(new Request("https://service.example/orders", { headers }), "passed on");
      return { status: response.status, headers: Object.fromEntries(response.headers), text: await response.text() };
    },
    close: async () => undefined,
  };
}

export const servers = [
  { kind: "Express", start: startExpress },
  { kind: "Fastify", start: startFastify },
  { kind: "plain Node", start: startPlain },
  { kind: "a fetch handler", start: startFetchHandler },
] as const;

function getFrom({ port }: AddressInfo): GuardedServer["get"] {
  return async (...authorization) => {
    const headers = [
      "host",
      `localhost:${port}`,
      ...authorization.flatMap((value, index) => [index % 2 === 0 ? "Authorization" : "authorization", value]),
    ];
    const sent = send({ host: "localhost", port, path: "/orders", headers, agent: false }).end();
    const [response] = (await once(sent, "response")) as [IncomingMessage];
    const chunks = (await response.toArray()) as Buffer[];
    return {
      status: response.statusCode ?? 0,
      headers: response.headers as Answer["headers"],
      text: Buffer.concat(chunks).toString("utf8"),
    };
  };
}
