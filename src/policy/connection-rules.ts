// The rules by which a kept sign-in may be named by its id: by the client whose it is, and by services that list that client. Whatever
// refuses, the caller is told no more than that there is no such connection.

import type { Client } from "../exchange/clients.ts";
import type { ConnectionUseQuestion } from "../exchange/decision.ts";
import { granted, type Rule } from "./rule.ts";

const reason = "CONNECTION_NOT_FOUND";

export function rulesOfConnection(
  { client, provider, owner }: ConnectionUseQuestion,
  clients: ReadonlyMap<string, Client>,
  rules: Rule[],
): void {
  const at = `clients.${client.id}.providers.${provider}`;
  const grant = client.providers.get(provider);
  if (owner !== client.id) {
    rules.push({ path: `${at}.connections_of`, holds: grant?.connectionsOf.has(owner) === true, reason });
    // What a client made is of no use to others any longer than to itself.
    rules.push({ path: `clients.${owner}.disabled`, holds: clients.get(owner)?.disabled === false, reason });
  }
  const made = owner === client.id ? grant : clients.get(owner)?.providers.get(provider);
  rules.push(granted(at, grant));
  rules.push({ path: `clients.${owner}.providers.${provider}.connections`, holds: made?.connections === true, reason });
}
