// What a code becomes: its provider's tokens as they are, or one that this service issues. Configuration decides that, by the audiences
// that are asked for, and before anything is spent.

import type { Client } from "./clients.ts";
import { ExchangeError } from "./errors.ts";
import { onlyTarget } from "./holding-audience.ts";
import { isMinted, type Minting } from "./minting.ts";
import type { Provider } from "./provider-ports.ts";

export type CodeIssuance =
  /** `audiences`: configured names; the provider is told of them. */
  | { readonly kind: "passthrough"; readonly audiences: readonly string[] }
  /** `audience`: configured name; the provider does not know of it. */
  | { readonly kind: "minted"; readonly audience: string };

export interface Asked {
  readonly client: Client;
  readonly provider: Pick<Provider, "name" | "accounts">;
  /** Configured names; empty: none was named. */
  readonly audiences: readonly string[];
}

/**
 * Only accounts have a name here that a token can bear: without them a code gives its provider's tokens, and policy says whether that
 * fits the audiences.
 * @throws ExchangeError TARGET_NOT_ALLOWED: no one answer is for all of them
 */
export function chooseIssuance(minting: Minting, { client, provider, audiences }: Asked): CodeIssuance {
  const passthrough = { kind: "passthrough", audiences } as const;
  if (!provider.accounts) return passthrough;
  if (audiences.length === 0) {
    const own = client.providers.get(provider.name)?.audiences ?? [];
    const [first] = own;
    return first !== undefined && isMinted(minting, provider.name, own) ? { kind: "minted", audience: first } : passthrough;
  }
  if (isMinted(minting, provider.name, audiences)) return { kind: "minted", audience: onlyTarget(audiences) };
  const mixed = audiences.some((name) => isMinted(minting, provider.name, [name]));
  if (mixed) throw new ExchangeError("TARGET_NOT_ALLOWED", { cause: { kind: "rule", field: "audiences" } });
  return passthrough;
}
