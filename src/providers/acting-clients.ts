// By which registrations at a provider this service asks for others (`exchange_as`): each audience has its own, so that a new token
// belongs to whoever may use it. Their secrets are revealed to the token endpoint only, as this service's own is.

import type { ClientAuth } from "oauth4webapi";
import { clientAuthentication, type UpstreamClient } from "./client-authentication.ts";

/** By configured name of the audience. */
export type ActingClients = ReadonlyMap<string, ActingClient>;

export interface ActingClient {
  readonly id: string;
  readonly authenticate: ClientAuth;
}

/** @throws Error where a secret is missing */
export function createActingClients(clients: Readonly<Record<string, UpstreamClient>>): ActingClients {
  return new Map(Object.entries(clients).map(([name, client]) => [name, { id: client.id, authenticate: clientAuthentication(client) }]));
}

/** @throws Error: policy lets nobody come here without one */
export function actingAs(clients: ActingClients, audience: string): ActingClient {
  const client = clients.get(audience);
  if (client === undefined) throw new Error("an audience without exchange_as asks for an exchange");
  return client;
}
