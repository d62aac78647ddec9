import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, it } from "vitest";
import { startChild } from "../support/child.ts";

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

/** @param status undefined: it takes the request and never answers */
async function answering(status: number | undefined): Promise<string> {
  const server = createServer((_request, response) => {
    if (status !== undefined) response.writeHead(status, { location: "/" }).end();
  }).listen(0, "localhost");
  closers.push(() => {
    server.closeAllConnections();
    server.close();
  });
  await once(server, "listening");
  return `http://localhost:${(server.address() as AddressInfo).port}/readyz`;
}

it.each([
  { what: "200 is healthy", status: 200, ends: 0 },
  { what: "503, a service that is stopping, is not", status: 503, ends: 1 },
  { what: "a redirect is not", status: 302, ends: 1 },
  { what: "no answer at all is not, and it does not wait for long", status: undefined, ends: 1 },
])("$what", async ({ status, ends }) => {
  expect(await startChild(["deploy/health.mjs", await answering(status)]).ended).toBe(ends);
});

it("nobody who listens is not", async () => {
  const url = await answering(200);
  for (const close of closers.splice(0)) close();
  expect(await startChild(["deploy/health.mjs", url]).ended).toBe(1);
});

it("no address is not", async () => {
  expect(await startChild(["deploy/health.mjs"]).ended).toBe(1);
});
