// What the keys of providers that keep sessions demand of each other, and what others may not ask of such a provider: it has no
// codes, no registrations and, unless it signs JWTs, no tokens. What all providers have in common is rules.ts.

import { ownProvider } from "../exchange/minting.ts";
import type { Path, Report } from "./mistakes.ts";
import { own } from "./rule-input.ts";
import type { RuleInput } from "./rule-input.ts";
import type { ClientConfiguration, Configuration, SessionProviderConfiguration } from "./schema.ts";

export function checkProviderName(path: Path, name: string, report: Report): void {
  if (name === ownProvider) report(path, "has the name that stands for this service's own tokens", "Choose another name.");
}

export function sessionAddresses({
  issuer,
  back_channel_url,
}: SessionProviderConfiguration): readonly (readonly [key: Path, address: string])[] {
  return [[["issuer"], issuer] as const, ...(back_channel_url === undefined ? [] : [[["back_channel_url"], back_channel_url] as const])];
}

export function checkSessionProviders({ configuration, report }: RuleInput): void {
  for (const [audience, { accepts }] of Object.entries(configuration.audiences)) {
    for (const [name, rule] of Object.entries(accepts)) {
      const provider = own(configuration.providers, name);
      if (provider?.kind !== "better-auth") continue;
      const path = ["audiences", audience, "accepts", name];
      if (!provider.jwt) {
        report(path, "accepts tokens of a provider that issues none", `Set jwt: true at providers.${name}, or remove it.`);
      } else if (rule.exchange_as !== undefined) {
        report([...path, "exchange_as"], "is a registration where there are none", "Remove it: that provider exchanges no tokens.");
      }
    }
  }
}

type Provider = Configuration["providers"][string];
type Grant = ClientConfiguration["providers"][string];

export function checkSessionGrant(path: Path, provider: Provider | undefined, grant: Grant, report: Report): void {
  if (provider?.kind !== "better-auth" || grant.redirect_uris.length === 0) return;
  report([...path, "redirect_uris"], "is for codes, and that provider keeps sessions", "Remove it.");
}

/** Of a provider that it is granted. */
export function exchangesSessions({ providers }: ClientConfiguration, configuration: Configuration): boolean {
  return Object.keys(providers).some((name) => own(configuration.providers, name)?.kind === "better-auth");
}
