// Which kinds of provider there are, and what configuration makes of them. A new one is a file in presets/ and a line here.

import type { ProviderDefinition, ProviderEndpoints } from "./definition.ts";
import { custom } from "./presets/custom.ts";
import { discord } from "./presets/discord.ts";
import { github } from "./presets/github.ts";
import { google } from "./presets/google.ts";
import { keycloak } from "./presets/keycloak.ts";
import { oidc } from "./presets/oidc.ts";
import { openai } from "./presets/openai.ts";

export const definitions = { oidc, keycloak, openai, discord, github, google, custom } as const satisfies Record<
  string,
  ProviderDefinition
>;

export type ProviderKind = keyof typeof definitions;

export function definitionOf(kind: ProviderKind): ProviderDefinition {
  return definitions[kind];
}

/** There are keys that its ID tokens, and access tokens that are not opaque, are verified with. */
export function hasKeys({ discovery }: Pick<ProviderDefinition, "discovery">, endpoints: ProviderEndpoints): boolean {
  return discovery || endpoints.jwks !== undefined;
}

/** Its access tokens can be verified here. */
export function verifiesAccessTokens(
  definition: Pick<ProviderDefinition, "discovery" | "accessTokens">,
  endpoints: ProviderEndpoints,
): boolean {
  return definition.accessTokens !== "opaque" && hasKeys(definition, endpoints);
}
