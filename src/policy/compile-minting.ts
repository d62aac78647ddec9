// Configuration → what this service issues itself, and by which key. Checks of the configuration itself stand in config/.

import type { Configuration } from "../config/schema.ts";
import { type MintRule, type MintSource, type Minting, ownProvider } from "../exchange/minting.ts";
import type { SigningChoice } from "../exchange/minting-ports.ts";

/** The parts of a configuration that say it. */
export type MintConfiguration = Pick<Configuration, "audiences"> & Partial<Pick<Configuration, "providers" | "signing">>;

type WrittenMint = NonNullable<Configuration["audiences"][string]["mint"]>;

export function compileMinting(configuration: MintConfiguration): Minting {
  return new Map(
    Object.entries(configuration.audiences).flatMap(([name, { mint, accepts }]) => {
      if (mint === undefined) return [];
      const own = Object.hasOwn(accepts, ownProvider) ? accepts[ownProvider] : undefined;
      return [[name, compileRule(configuration, { name, mint, identifier: own?.identifiers[0] })] as const];
    }),
  );
}

interface NamedMint {
  readonly name: string;
  readonly mint: WrittenMint;
  readonly identifier: string | undefined;
}

function compileRule({ providers = {}, signing }: MintConfiguration, { name, mint, identifier }: NamedMint): MintRule {
  const algorithm = mint.algorithm ?? signing?.algorithm ?? "ES256";
  const shared = algorithm === "HS256";
  const by: SigningChoice = shared ? { kind: "shared", audience: name } : { kind: "published", algorithm };
  const prefixOf = (provider: string) => (Object.hasOwn(providers, provider) ? (providers[provider]?.subject_prefix ?? "") : "");
  return {
    signing: by,
    identifier: shared ? undefined : identifier,
    lifetimeMs: mint.lifetime,
    from: new Map(Object.entries(mint.from).map(([provider, source]) => [provider, compileSource(source, prefixOf(provider))])),
    actors: mint.actors.map((actor) => ({
      provider: actor.provider,
      clients: new Set(actor.clients),
      subjects: new Set(actor.subjects),
      for: new Set(actor.for),
    })),
  };
}

function compileSource({ scopes, scope_map: scopeMap, claims }: WrittenMint["from"][string], subjectPrefix: string): MintSource {
  return { subjectPrefix, scopes, scopeMap: new Map(Object.entries(scopeMap)), claims: new Map(Object.entries(claims)) };
}
