// Which provider a call is about. Whether its client may use it is policy's to decide.

import type { Client } from "./clients.ts";
import { ExchangeError, malformed } from "./errors.ts";

/**
 * @param name configured name; empty: the client's only one
 * @throws ExchangeError MALFORMED_REQUEST (no name, several providers), PROVIDER_UNKNOWN, CALLER_NOT_ALLOWED (no name, no provider)
 */
export function chooseProvider<P>(providers: ReadonlyMap<string, P>, client: Client, name: string): P {
  const provider = providers.get(name === "" ? onlyName(client) : name);
  if (provider === undefined) throw new ExchangeError("PROVIDER_UNKNOWN");
  return provider;
}

function onlyName(client: Client): string {
  const [name, ...others] = client.providers.keys();
  if (name === undefined) throw new ExchangeError("CALLER_NOT_ALLOWED", { field: "CALLER" });
  if (others.length > 0) throw malformed("provider");
  return name;
}
