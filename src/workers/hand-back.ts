// What a worker does with connections that it has no use for. The supervisor gives one to the next worker where this one hands it back,
// which is right while this one leaves; where it has as many as it may have, all others are likely to, too, and one would go round and
// round, so there it is closed. Both are settings of Node's server, which belongs to transport/ and is found as it begins to listen.

import { subscribe } from "node:diagnostics_channel";
import { Server } from "node:net";

/** Call before anything listens. @returns from then on this process takes no new connection, and others get them */
export function createHandBack(): () => void {
  const servers: Server[] = [];
  subscribe("tracing:net.server.listen:asyncStart", (message) => {
    const server: unknown = typeof message === "object" && message !== null && "server" in message ? message.server : undefined;
    if (!(server instanceof Server)) return;
    // Assigned this way because its types do not know the first of the two settings.
    Object.assign(server, { dropMaxConnection: true });
    servers.push(server);
  });
  return () => {
    for (const server of servers) Object.assign(server, { dropMaxConnection: false, maxConnections: 0 });
  };
}
