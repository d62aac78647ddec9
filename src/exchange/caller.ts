// Who calls, decided from what the gate proved and what the message says. Pure: looks at configuration only.
// Proving a service's secret is policy/authenticate.ts; reading headers is rpc/.

import type { Client, Method } from "./clients.ts";
import { ExchangeError } from "./errors.ts";

export interface CallerFacts {
  /** The service that proved itself at the gate; undefined: anonymous. */
  readonly service: Client | undefined;
  /** `client_id` of the message; empty: none. */
  readonly clientId: string;
  /** The `Origin` header; undefined: none. */
  readonly origin: string | undefined;
  readonly method: Method;
  /**
   * True where everything that proves the right to the answer is in the message (code and verifier, refresh handle), so that
   * a browser client may also be somebody's curl.
   */
  readonly proofInMessage: boolean;
}

/**
 * The client on whose behalf the call runs.
 * @throws ExchangeError CALLER_UNAUTHENTICATED, CALLER_NOT_ALLOWED, ORIGIN_NOT_ALLOWED
 */
export function resolveCaller(clients: ReadonlyMap<string, Client>, facts: CallerFacts): Client {
  const client = facts.service ?? publicClient(clients, facts.clientId);
  // Two names for one caller that disagree: whichever we believed, the other would be wrong.
  if (facts.clientId !== "" && facts.clientId !== client.id) throw new ExchangeError("CALLER_UNAUTHENTICATED", { field: "CALLER" });
  checkOrigin(client, facts);
  if (!client.methods.has(facts.method)) throw new ExchangeError("CALLER_NOT_ALLOWED", { field: "CALLER" });
  return client;
}

function publicClient(clients: ReadonlyMap<string, Client>, clientId: string): Client {
  const client = clients.get(clientId);
  // A service's name without its proof is nobody, and looks the same as a name that does not exist.
  if (client === undefined || client.kind === "service") throw new ExchangeError("CALLER_UNAUTHENTICATED", { field: "CALLER" });
  return client;
}

function checkOrigin(client: Client, facts: CallerFacts): void {
  const allowed =
    facts.origin === undefined
      ? client.kind !== "browser" || facts.proofInMessage
      : client.kind === "browser" && client.origins.has(facts.origin);
  if (!allowed) throw new ExchangeError("ORIGIN_NOT_ALLOWED", { field: "CALLER" });
}
