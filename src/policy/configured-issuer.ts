// Who has a provider's name, as it is configured now.

import type { Configuration } from "../config/schema.ts";

/** @returns undefined: nobody has it */
export function issuerIn({ providers }: Pick<Configuration, "providers">, name: string): string | undefined {
  return Object.hasOwn(providers, name) ? providers[name]?.issuer : undefined;
}
