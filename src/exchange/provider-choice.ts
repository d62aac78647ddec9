// Which provider a call is about, and what its client may do there.

import type { Client, ProviderGrant } from "./clients.ts";
import { ExchangeError, malformed } from "./errors.ts";
import type { Provider } from "./ports.ts";

export interface ProviderChoice {
  readonly provider: Provider;
  readonly grant: ProviderGrant;
}

/**
 * @param name configured name; empty: the client's only one
 * @throws ExchangeError MALFORMED_REQUEST (no name, several providers), PROVIDER_UNKNOWN, CALLER_NOT_ALLOWED
 */
export function chooseProvider(providers: ReadonlyMap<string, Provider>, client: Client, name: string): ProviderChoice {
  const wanted = name === "" ? onlyName(client) : name;
  const grant = client.providers.get(wanted);
  const provider = providers.get(wanted);
  if (provider === undefined) throw new ExchangeError("PROVIDER_UNKNOWN");
  if (grant === undefined) throw new ExchangeError("CALLER_NOT_ALLOWED", { field: "CALLER" });
  return { provider, grant };
}

function onlyName(client: Client): string {
  const [name, ...others] = client.providers.keys();
  if (name === undefined) throw new ExchangeError("CALLER_NOT_ALLOWED", { field: "CALLER" });
  if (others.length > 0) throw malformed("provider");
  return name;
}
