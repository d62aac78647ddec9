// A provider as a process of its own that does nothing but refresh: it answers every refresh token with the next one. It is no model of a
// provider's checks, and remembers nothing.

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

const lifeSeconds = 3_600;
let made = 0;

const server = createServer((request, response) => {
  void answer(request, response);
});

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  await text(request);
  made += 1;
  const body = {
    access_token: `access-${made}-${"a".repeat(64)}`,
    refresh_token: `refresh-${made}-${"r".repeat(64)}`,
    expires_in: lifeSeconds,
  };
  response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(body));
}

server.listen(0, "127.0.0.1", () => {
  // A TCP server that listens has such an address.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  process.send?.({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
});
process.once("disconnect", () => process.exit());
