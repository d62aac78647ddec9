// Random configurations under which tokens are issued here, random subjects, and the operation over them without keys and sockets: its
// plan, and the token of that plan read again by the rules of our own tokens. Small alphabets, so that things meet often.

import * as fc from "fast-check";
import { configurationSchema } from "../../src/config/schema.ts";
import type { Actor, TokenClaims, Verification } from "../../src/exchange/claims.ts";
import { ExchangeError } from "../../src/exchange/errors.ts";
import { createMint, type MintPlan, type MintQuestion, type MintSubject } from "../../src/exchange/mint.ts";
import { claimSources } from "../../src/exchange/minting.ts";
import { compilePolicy } from "../../src/policy/compile.ts";
import { createDecide } from "../../src/policy/evaluate.ts";
import { silentTrail } from "../exchange/fixtures.ts";
import { ownIssuer } from "../exchange/mint-written.ts";
import { ownClaimsOf, unsigned } from "../exchange/unsigned-tokens.ts";
import { Secret } from "../../src/exchange/secret.ts";

export const nowMs = 1_800_000_000_000;
export const clientId = "some";

export const names = {
  /** Those whose subjects get tokens; the last is our own. */
  providers: ["site", "main", "cambio"],
  audiences: ["one", "two"],
  scopes: ["a", "b", "c"],
  claims: ["nick", "mail", "urn:seen"],
  actors: ["robot", "batch", "clerk"],
} as const;

const listOf = (words: readonly string[]) => fc.subarray([...words]);
const scopeLists = listOf(names.scopes);

const sources = fc.record(
  {
    scopes: scopeLists,
    scope_map: fc.dictionary(fc.constantFrom(...names.scopes), fc.subarray([...names.scopes], { minLength: 1 })),
    claims: fc.dictionary(fc.constantFrom(...names.claims), fc.constantFrom(...claimSources)),
  },
  { requiredKeys: [] },
);

const actorRules = fc.record(
  {
    provider: fc.constantFrom("main", "cambio"),
    clients: listOf(["agent", "tool"]),
    subjects: listOf(names.actors),
    for: fc.subarray<string>([...names.providers], { minLength: 1 }),
  },
  { requiredKeys: ["provider", "for"] },
);

const grants = fc.record(
  {
    scopes: scopeLists,
    audiences: fc.subarray<string>([...names.audiences], { minLength: 1 }),
    max_lifetime: fc.constantFrom("1m", "10m", "1h"),
    exchanged_refresh_tokens: fc.boolean(),
  },
  { requiredKeys: ["audiences"] },
);

const mints = fc.record(
  {
    lifetime: fc.constantFrom("1m", "5m", "15m", "24h"),
    from: fc.dictionary(fc.constantFrom(...names.providers), sources, { minKeys: 2 }),
    actors: fc.array(actorRules, { maxLength: 2 }),
  },
  { requiredKeys: ["from"] },
);

/** As a file would have it. */
export const configurations = (options: { readonly reportOnly: boolean }) =>
  fc
    .record({
      mints: fc.dictionary(fc.constantFrom<string>(...names.audiences), mints, { minKeys: 1 }),
      grants: fc.dictionary(fc.constantFrom(...names.providers), grants, { minKeys: 2 }),
      report_only: options.reportOnly ? fc.subarray(["methods", "scopes", "audiences", "max_lifetime"]) : fc.constant([]),
    })
    .map(({ mints: minted, grants: providers, report_only }) => ({
      providers: {
        site: { kind: "better-auth", issuer: "https://app.example.com", subject_prefix: "site:" },
        main: { kind: "oidc", issuer: "https://login.example.com", client: { id: "x", secret: "unused" }, subject_prefix: "main:" },
      },
      audiences: Object.fromEntries<{ accepts: object; mint: (typeof minted)[string] } | undefined>(
        Object.entries(minted).map(([name, mint]) => [
          name,
          { accepts: { cambio: { identifiers: [identifierOf(name)], clients: [] } }, mint },
        ]),
      ),
      clients: {
        [clientId]: { kind: "service", secrets: ["secret-of-some-service"], audiences: Object.keys(minted), providers, report_only },
      },
    }));

export type Written = ReturnType<typeof configurations> extends fc.Arbitrary<infer T> ? T : never;

export const identifierOf = (audience: string): string => `urn:${audience}`;

export const actorsOf = (subject: fc.Arbitrary<string>): fc.Arbitrary<Actor> =>
  fc.record({ issuer: fc.constantFrom(ownIssuer, "https://login.example.com"), subject, clientId: fc.constantFrom("", "agent", "tool") });
const actors = actorsOf(fc.constantFrom(...names.actors));

const attributes = fc.record(
  {
    name: fc.constantFrom("", "Alice"),
    preferred_username: fc.constant("alice"),
    email: fc.constant("alice@example.com"),
    email_verified: fc.boolean(),
    picture: fc.constant("https://p.example"),
  },
  { requiredKeys: [] },
);

export const subjects: fc.Arbitrary<MintSubject> = fc.record({
  credential: fc.constantFrom("SUBJECT_TOKEN" as const, "SESSION" as const),
  provider: fc.constantFrom(...names.providers),
  subject: fc.constantFrom("u1", "site:u1", "main:u1"),
  expiresAtMs: fc.integer({ min: -2_000, max: 90_000_000 }).map((left) => nowMs + left),
  scopes: fc.array(fc.constantFrom(...names.scopes, "unknown"), { maxLength: 3 }),
  actors: fc.array(actors, { maxLength: 4 }),
  mayAct: fc.option(actors, { nil: undefined }),
  attributes,
});

export const wishes = fc.record({
  audience: fc.constantFrom<string>(...names.audiences, ...names.audiences, "unknown"),
  scopes: fc.oneof(fc.constant([]), scopeLists, fc.array(fc.constantFrom(...names.scopes, "unknown"), { maxLength: 2 })),
  refreshToken: fc.constantFrom(false, false, true),
  actor: fc.option(
    fc.record({
      provider: fc.constantFrom("main", "cambio"),
      clientId: fc.constantFrom("agent", "tool", ""),
      subject: fc.constantFrom(...names.actors),
    }),
    { nil: undefined, freq: 2 },
  ),
});

export type Wish = typeof wishes extends fc.Arbitrary<infer T> ? T : never;

export type Asked = Pick<MintQuestion, "subject" | "audience" | "scopes" | "refreshToken" | "actor" | "within">;

/** @returns what is issued; undefined: refused, for whatever reason */
export function planner(written: object): (asked: Asked) => MintPlan | undefined {
  const { clients, audiences, minting } = compilePolicy(configurationSchema.parse(written));
  const client = clients.get(clientId);
  if (client === undefined) throw new Error("the configuration has no such client");
  const decide = createDecide(audiences, { minting, clients });
  const signer = { sign: () => Promise.reject(new Error("nothing is signed here")), check: () => undefined };
  const mint = createMint({ minting, decide, signer, issuer: ownIssuer, clock: () => nowMs, freshId: () => "id" });
  return (asked) => {
    try {
      return mint.plan({ client, ...asked, trail: silentTrail() });
    } catch (failure) {
      if (failure instanceof ExchangeError) return undefined;
      throw failure;
    }
  };
}

/** The plan's token as the next call finds it. */
export function readAgain({ claims }: MintPlan): Verification {
  const read: TokenClaims = ownClaimsOf({ accessToken: new Secret(unsigned(claims)) }, nowMs);
  return { claims: read, provider: "cambio", source: "CAMBIO", keyId: "k", revocationId: "id", validUntilMs: nowMs + 60_000 };
}
