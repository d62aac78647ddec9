// A configured provider, for tests that are about one that speaks OAuth.

import type { Configuration, ProviderConfiguration } from "../../src/config/schema.ts";

/** @throws Error where there is none of that name and kind: the configuration that a test starts from has changed */
export function oauthProvider({ providers }: Pick<Configuration, "providers">, name: string): ProviderConfiguration {
  const provider = Object.hasOwn(providers, name) ? providers[name] : undefined;
  if (provider === undefined || provider.kind === "better-auth") throw new Error(`no provider ${name} that speaks OAuth`);
  return provider;
}
