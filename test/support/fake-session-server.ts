// What stands where an application should answer about sessions: says what a test wants it to say, or fails in the ways of faults.ts,
// and keeps what it was asked.

import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { createFaultScript, type Fault, type FaultScript, misbehave, redirectTargetPath } from "./faults.ts";

export interface FakeSessionServer {
  readonly url: string;
  readonly faults: FaultScript<"session">;
  readonly requests: readonly { readonly method: string; readonly path: string; readonly headers: IncomingHttpHeaders }[];
  /** Who came to where a redirect leads. */
  redirected(): number;
  close(): Promise<void>;
}

export const answering = (body: unknown, status = 200, headers: Readonly<Record<string, string>> = {}): Fault => ({
  kind: "status",
  status,
  body: typeof body === "string" ? body : JSON.stringify(body),
  headers,
});

export async function startFakeSessionServer(): Promise<FakeSessionServer> {
  const faults = createFaultScript<"session">();
  const requests: { method: string; path: string; headers: IncomingHttpHeaders }[] = [];
  const server = createServer((request, response) => {
    requests.push({ method: request.method ?? "", path: request.url ?? "", headers: request.headers });
    request.resume().once("end", () => misbehave(faults.take("session") ?? answering("null"), request, response));
  });
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    faults,
    requests,
    redirected: () => requests.filter(({ path }) => path === redirectTargetPath).length,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => void server.close(resolve));
    },
  };
}
