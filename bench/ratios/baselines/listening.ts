// A baseline's process: what it answers with comes from the parent, it says where it listens, and it ends when the parent goes away.

import type { Server } from "node:net";

/** Bytes of a ValidateCrossClientResponse, as Cambio itself answered it. */
export function answerOfCambio(): Buffer {
  return Buffer.from(process.argv[2] ?? "", "base64");
}

export function listen(server: Server): void {
  server.listen(0, "127.0.0.1", () => {
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("a TCP server that listens has a port");
    tellUrl(address.port);
  });
  process.once("disconnect", () => process.exit());
}

/** For who listens by itself. */
export function tellUrl(port: number): void {
  process.send?.({ url: `http://127.0.0.1:${port}` });
}
