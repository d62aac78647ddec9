// Which audiences are meant where a call does not say: the one that a client holds a token for, and the one that a new token is for.

import type { Audiences, Client } from "./clients.ts";
import { ExchangeError } from "./errors.ts";

/**
 * @param wanted configured name; empty: the client's default
 * @throws ExchangeError TARGET_NOT_ALLOWED
 */
export function ownAudience(client: Client, wanted: string): string {
  const audience = wanted === "" ? client.audiences[0] : client.audiences.find((own) => own === wanted);
  if (audience === undefined) {
    throw notListed(`clients.${client.id}.audiences`);
  }
  return audience;
}

/**
 * Of the client's own audiences the first that the token is for and that may exchange it; else the first that it is for, else the
 * client's default, where policy says why not.
 * @throws ExchangeError TARGET_NOT_ALLOWED: it has none
 */
export function holdingAudience(
  audiences: Audiences,
  client: Client,
  { provider, aud }: { readonly provider: string; readonly aud: readonly string[] },
): string {
  const identifiersOf = (name: string) => audiences.get(name)?.get(provider)?.identifiers ?? [];
  const isMeant = (name: string) => identifiersOf(name).some((identifier) => aud.includes(identifier));
  const meant = client.audiences.filter(isMeant);
  const mayExchange = (name: string) => audiences.get(name)?.get(provider)?.exchangeAs !== undefined;
  const audience = meant.find(mayExchange) ?? meant[0] ?? client.audiences[0];
  if (audience === undefined) throw notListed(`clients.${client.id}.audiences`);
  return audience;
}

/**
 * Whom a new token is for where the call does not say. Never nobody: that would be for everybody.
 * @throws ExchangeError TARGET_NOT_ALLOWED
 */
export function defaultTarget(client: Client, provider: string): string {
  const [first] = client.providers.get(provider)?.audiences ?? [];
  if (first === undefined) throw notListed(`clients.${client.id}.providers.${provider}.audiences`);
  return first;
}

/**
 * A token of our own is for one audience: each has a key, claims and a life of its own.
 * @throws ExchangeError TARGET_NOT_ALLOWED
 */
export function onlyTarget([first, ...others]: readonly string[]): string {
  if (first === undefined || others.length > 0)
    throw new ExchangeError("TARGET_NOT_ALLOWED", { cause: { kind: "rule", field: "audiences" } });
  return first;
}

function notListed(rule: string): ExchangeError {
  return new ExchangeError("TARGET_NOT_ALLOWED", { cause: { kind: "policy", rule } });
}
