// What tokens that are issued here demand of the rest of the configuration: a name and keys, subjects that never meet in one `sub`, and
// actors that there can be. Routes and cookies by which browsers get them are browser-rules.ts.

import { ownProvider } from "../exchange/minting.ts";
import type { Path } from "./mistakes.ts";
import { checkTokenProvider, own } from "./rule-input.ts";
import type { RuleInput } from "./rule-input.ts";
import type { Configuration } from "./schema.ts";

type Audience = Configuration["audiences"][string];
type Mint = NonNullable<Audience["mint"]>;

/** RFC 7518 §3.2: no shorter than the hash. */
const minSecretBytes = 32;

export function checkMinting(input: RuleInput): void {
  const minting = Object.entries(input.configuration.audiences).flatMap(([name, audience]) =>
    audience.mint === undefined ? [] : [{ name, audience, mint: audience.mint }],
  );
  for (const one of minting) checkMint(one, input);
  checkSecrets(minting, input);
  checkSubjects(minting, input);
  checkOwnIdentifiers(input);
  // Where there are keys, signing-rules.ts misses it already.
  if (minting.length > 0 && !input.issuerNamed && input.configuration.signing === undefined)
    input.report(
      ["server", "issuer"],
      "is missing although tokens are issued here",
      "Give this service's own address: it is their issuer.",
    );
}

interface NamedMint {
  readonly name: string;
  readonly audience: Audience;
  readonly mint: Mint;
}

function checkMint({ name, audience, mint }: NamedMint, input: RuleInput): void {
  const { report } = input;
  const path = ["audiences", name, "mint"];
  if (mint.algorithm === "HS256") checkShared(path, mint, input);
  else checkPublished(path, { name, audience, mint }, input);
  for (const [provider, source] of Object.entries(mint.from)) {
    const at = [...path, "from", provider];
    checkTokenProvider(provider, at, input);
    if (provider === ownProvider) {
      // Within one issuer a scope is what it is: nothing may be added to it.
      if (source.scopes.length > 0) report([...at, "scopes"], "would widen tokens that were issued here", "Remove it.");
      if (Object.keys(source.scope_map).length > 0) report([...at, "scope_map"], "would widen tokens that were issued here", "Remove it.");
    }
    checkSource(at, { provider, source }, input);
  }
  for (const [index, actor] of mint.actors.entries()) {
    const at = [...path, "actors", index];
    checkTokenProvider(actor.provider, [...at, "provider"], input);
    if (actor.clients.length === 0 && actor.subjects.length === 0)
      report(at, "means nobody: it lists neither clients nor subjects", "List the clients or the subjects that may act.");
    for (const [place, provider] of actor.for.entries()) {
      if (own(mint.from, provider) === undefined)
        report([...at, "for", place], "is not among those whose subjects get such tokens", "Add it to from, or remove it here.");
    }
  }
}

function checkSource(
  path: Path,
  { provider, source }: { readonly provider: string; readonly source: Mint["from"][string] },
  { configuration, report }: RuleInput,
): void {
  const settings = own(configuration.providers, provider);
  if (settings?.kind === "better-auth") {
    if (Object.keys(source.scope_map).length > 0)
      report([...path, "scope_map"], "maps scopes, and a session has none", "List what every session opens under scopes.");
    return;
  }
  // Not at hand: it has a mistake of its own, and what its users are known for nobody can say.
  if (settings === undefined && provider !== ownProvider) return;
  // Its accounts say as much as a session's.
  if (settings?.accounts === true) return;
  for (const [claim, attribute] of Object.entries(source.claims)) {
    if (attribute === "email_verified" || attribute === "picture")
      report([...path, "claims", claim], "says what only an account is known for", "Remove it.");
  }
}

function checkShared(path: Path, { secret }: Mint, { report }: RuleInput): void {
  if (secret === undefined) report([...path, "secret"], "is missing: HS256 signs by it", "Add secret or secret_file: openssl rand -hex 32");
  else if (Buffer.byteLength(secret.reveal()) < minSecretBytes)
    report([...path, "secret"], "is shorter than 32 bytes", "Make a longer one: openssl rand -hex 32");
}

function checkPublished(path: Path, { name, audience, mint }: NamedMint, { configuration, report }: RuleInput): void {
  if (mint.secret !== undefined) report([...path, "secret"], "is not used with a published key", "Remove it, or set algorithm: HS256.");
  if (configuration.signing === undefined)
    report(path, "issues tokens, and there are no keys to sign with", "Add signing, or set algorithm: HS256.");
  if (own(audience.accepts, ownProvider) === undefined)
    report(
      ["audiences", name, "accepts"],
      "does not say by which `aud` tokens that are issued here mean this audience",
      `Add accepts.${ownProvider} with identifiers.`,
    );
  const { keys } = configuration.signing ?? {};
  const algorithm = mint.algorithm;
  if (keys !== undefined && algorithm !== undefined && !keys.some(({ private_key: key }) => key.algorithm === algorithm))
    report([...path, "algorithm"], "has no key under signing.keys", "Write the algorithm of one of the keys, or add a key for it.");
}

/** Whoever knows the secret can make such tokens: for itself only. */
function checkSecrets(minting: readonly NamedMint[], { report }: RuleInput): void {
  const owners = new Map<string, string>();
  for (const { name, mint } of minting) {
    if (mint.secret === undefined) continue;
    const other = owners.get(mint.secret.reveal());
    if (other !== undefined)
      report(["audiences", name, "mint", "secret"], `is that of ${other} as well`, "Give each audience a secret of its own.");
    owners.set(mint.secret.reveal(), name);
  }
}

/**
 * Two users of two providers may have the same id there; here they must not become one (RFC 7519 §4.1.2). An account has a name here
 * whether or not tokens are issued to it: it is found, and disabled, by that.
 */
function checkSubjects(minting: readonly NamedMint[], { configuration, report }: RuleInput): void {
  const minted = minting.flatMap(({ mint }) => Object.keys(mint.from)).filter((name) => own(configuration.providers, name) !== undefined);
  if (minted.length === 0) return;
  const kept = Object.entries(configuration.providers).flatMap(([name, provider]) =>
    provider.kind !== "better-auth" && provider.accounts ? [name] : [],
  );
  const foreign = new Set([...minted, ...kept]);
  if (foreign.size < 2) return;
  const owners = new Map<string, string>();
  for (const name of foreign) {
    const path = ["providers", name, "subject_prefix"];
    const prefix = own(configuration.providers, name)?.subject_prefix;
    if (prefix === undefined) {
      report(
        path,
        "is missing: tokens are issued here, and users of several providers have names here",
        `Give each of them one, such as "${name.toLowerCase()}:".`,
      );
      continue;
    }
    const other = owners.get(prefix);
    if (other !== undefined) report(path, `is that of ${other} as well`, "Give each provider a prefix of its own.");
    owners.set(prefix, name);
  }
}

function checkOwnIdentifiers({ configuration, report }: RuleInput): void {
  const owners = new Map<string, string>();
  for (const [name, { accepts }] of Object.entries(configuration.audiences)) {
    const rule = own(accepts, ownProvider);
    if (rule === undefined) continue;
    const path = ["audiences", name, "accepts", ownProvider];
    if (rule.exchange_as !== undefined)
      report([...path, "exchange_as"], "is a registration at a provider, and these tokens are issued here", "Remove it; see mint.from.");
    for (const [index, identifier] of rule.identifiers.entries()) {
      const other = owners.get(identifier);
      if (other !== undefined && other !== name)
        report([...path, "identifiers", index], `means ${other} as well`, "Give each audience identifiers of its own.");
      owners.set(identifier, name);
    }
  }
}
