// Tokens that this service issues itself (RFC 9068), as configured: for whom, from whose subjects, with which claims. Compiled by
// policy/, read by mint.ts. Pure.

import type { SigningChoice } from "./minting-ports.ts";

/** The longest that a token of our own may live, as a configuration says it and in milliseconds. Keys stay published for as long. */
export const longestMintedLife = { written: "24h", ms: 86_400_000 } as const;

/** What tokens of our own are called wherever a provider is named. */
export const ownProvider = "cambio";

/** What revocation knows a signing key of our own by, as the token of that id: no `jti` is spelled like it. */
export function keyRevocationId(keyId: string): string {
  return `kid:${keyId}`;
}

/** Attributes of an account or a subject token that may become a claim. */
export const claimSources = ["name", "preferred_username", "email", "email_verified", "picture"] as const;
export type ClaimSource = (typeof claimSources)[number];

/** Those that are known. */
export type Attributes = Readonly<Partial<Record<ClaimSource, string | boolean>>>;

/** What subjects of one provider get. */
export interface MintSource {
  /** Before `sub`: subjects of several providers must never meet in one. Empty: nothing. */
  readonly subjectPrefix: string;
  readonly scopes: readonly string[];
  readonly scopeMap: ReadonlyMap<string, readonly string[]>;
  /** Claim → attribute. */
  readonly claims: ReadonlyMap<string, ClaimSource>;
}

/** Who may act for whom. */
export interface ActorRule {
  /** Configured name: who issued the actor's token. */
  readonly provider: string;
  /** Empty: subjects decide alone. */
  readonly clients: ReadonlySet<string>;
  /** Empty: clients decide alone. Both empty: nobody. */
  readonly subjects: ReadonlySet<string>;
  /** Providers of the subjects that it may act for. */
  readonly for: ReadonlySet<string>;
}

/** What is issued for one audience. */
export interface MintRule {
  readonly signing: SigningChoice;
  /** `aud`; undefined: under a shared secret the token names no audience. */
  readonly identifier: string | undefined;
  readonly lifetimeMs: number;
  /** By provider. */
  readonly from: ReadonlyMap<string, MintSource>;
  readonly actors: readonly ActorRule[];
}

/** Audience name → rule. */
export type Minting = ReadonlyMap<string, MintRule>;

/** An actor as it stands before policy. */
export interface ProposedActor {
  /** Configured name. */
  readonly provider: string;
  readonly clientId: string;
  readonly subject: string;
}

/** Whether this service itself issues tokens for all of these audiences to subjects of that provider. No audience: it does not. */
export function isMinted(minting: Minting, provider: string, audiences: readonly string[]): boolean {
  return audiences.length > 0 && audiences.every((name) => minting.get(name)?.from.has(provider) === true);
}

/** Scopes that a subject opens. Within our own tokens they are what they are; another issuer's mean here what the map says. */
export function openedScopes(source: MintSource, { provider, scopes }: { readonly provider: string; readonly scopes: readonly string[] }) {
  if (provider === ownProvider) return [...new Set(scopes)];
  return [...new Set([...source.scopes, ...scopes.flatMap((scope) => source.scopeMap.get(scope) ?? [])])];
}

export function fitsActor(rule: ActorRule, actor: ProposedActor, subjectProvider: string): boolean {
  if (rule.provider !== actor.provider || !rule.for.has(subjectProvider)) return false;
  if (rule.clients.size === 0 && rule.subjects.size === 0) return false;
  const client = rule.clients.size === 0 || rule.clients.has(actor.clientId);
  const subject = rule.subjects.size === 0 || rule.subjects.has(actor.subject);
  return client && subject;
}

/** Claims by the map, and nothing else of what is known. */
export function mappedClaims({ claims }: MintSource, attributes: Attributes): Readonly<Record<string, string | boolean>> {
  return Object.fromEntries(
    [...claims].flatMap(([claim, source]) => {
      const value = attributes[source];
      return value === undefined || value === "" ? [] : [[claim, value] as const];
    }),
  );
}
