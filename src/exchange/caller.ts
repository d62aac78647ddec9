// Who calls, from what the gate proved and what the message says. Whether that client may do what it asks is policy's to decide.

import type { Client } from "./clients.ts";
import { ExchangeError } from "./errors.ts";

/**
 * The client on whose behalf a call runs.
 * @param service the service that proved itself at the gate; undefined: anonymous
 * @param clientId `client_id` of the message; empty: none
 * @throws ExchangeError CALLER_UNAUTHENTICATED
 */
export function resolveCaller(clients: ReadonlyMap<string, Client>, service: Client | undefined, clientId: string): Client {
  const client = service ?? publicClient(clients, clientId);
  // Two names for one caller that disagree: whichever we believed, the other would be wrong.
  if (clientId !== "" && clientId !== client.id) throw new ExchangeError("CALLER_UNAUTHENTICATED", { field: "CALLER" });
  return client;
}

function publicClient(clients: ReadonlyMap<string, Client>, clientId: string): Client {
  const client = clients.get(clientId);
  // A service's name without its proof is nobody, and looks the same as a name that does not exist.
  if (client === undefined || client.kind === "service") throw new ExchangeError("CALLER_UNAUTHENTICATED", { field: "CALLER" });
  return client;
}
