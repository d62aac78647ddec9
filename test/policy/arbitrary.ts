// Random configurations and random questions over small alphabets, so that they meet often; and what the configuration says about a
// question, read from the configuration as it is written and not from the compiled policy.

import * as fc from "fast-check";
import { type Configuration, configurationSchema } from "../../src/config/schema.ts";
import { methods } from "../../src/exchange/clients.ts";
import type { CallQuestion, ResultQuestion, SwapQuestion, TokenQuestion, UseQuestion } from "../../src/exchange/decision.ts";
import { compilePolicy } from "../../src/policy/compile.ts";
import { createDecide } from "../../src/policy/evaluate.ts";
import type { Rule } from "../../src/policy/rule.ts";

export type Written = Pick<Configuration, "clients" | "audiences">;

/** A question, with the client by its id. */
export type Asked =
  | Omit<CallQuestion, "client">
  | Omit<UseQuestion, "client">
  | Omit<ResultQuestion, "client">
  | Omit<TokenQuestion, "client">
  | Omit<SwapQuestion, "client">;

export const clientId = "some";

const names = {
  providers: ["main", "second"],
  audiences: ["orders", "payroll"],
  identifiers: ["urn:one", "urn:two", "urn:three"],
  scopes: ["a", "b", "A"],
  originClients: ["web", "tool"],
  origins: ["https://one.example", "https://two.example"],
  redirectUris: ["https://one.example/callback", "http://127.0.0.1/callback", "http://127.0.0.1:8080/callback"],
} as const;

// The last word of each alphabet is in no configuration.
const listOf = (words: readonly string[]) => fc.subarray([...words]);
const wishesOf = (words: readonly string[]) => fc.array(fc.constantFrom(...words, "unknown"), { maxLength: 3 });

const grants = fc.record(
  {
    redirect_uris: listOf(names.redirectUris),
    scopes: listOf(names.scopes),
    audiences: listOf(names.audiences),
    max_lifetime: fc.constantFrom("1m", "10m"),
    exchanged_refresh_tokens: fc.boolean(),
  },
  { requiredKeys: [] },
);

const clientsOf = (reportOnly: boolean) =>
  fc.record(
    {
      kind: fc.constantFrom("service", "browser", "native"),
      disabled: fc.oneof({ weight: 4, arbitrary: fc.constant(false) }, fc.constant(true)),
      origins: listOf(names.origins),
      methods: fc.subarray([...methods]),
      providers: fc.dictionary(fc.constantFrom(...names.providers), grants),
      audiences: listOf(names.audiences),
      report_only: reportOnly ? fc.subarray(["methods", "scopes", "audiences", "max_lifetime"]) : fc.constant([]),
    },
    { requiredKeys: ["kind"] },
  );

const requester = { id: "requester", secret: "secret-of-the-requester" };

const audiencesOf = (reportOnly: boolean) =>
  fc.record({
    accepts: fc.dictionary(
      fc.constantFrom(...names.providers),
      fc.record({
        identifiers: fc.subarray([...names.identifiers], { minLength: 1 }),
        clients: listOf(names.originClients),
        report_only: reportOnly ? fc.boolean() : fc.constant(false),
        exchange_as: fc.constantFrom(requester, requester, requester, undefined),
      }),
    ),
  });

/** As the schema completes it. */
export const configurations = (options: { readonly reportOnly: boolean }): fc.Arbitrary<Written> =>
  fc
    .record({
      clients: clientsOf(options.reportOnly).map((one) => ({ [clientId]: one })),
      audiences: fc.dictionary(fc.constantFrom(...names.audiences), audiencesOf(options.reportOnly)),
    })
    .map((written) => configurationSchema.parse({ providers: {}, ...written }));

const provider = fc.constantFrom(...names.providers, "unknown");
const lifetimeMs = fc.constantFrom(undefined, 0, 60_000, 60_001, 600_000, 600_001);

export const questions: fc.Arbitrary<Asked> = fc.oneof(
  fc.record({
    kind: fc.constant("call" as const),
    method: fc.constantFrom(...methods),
    origin: fc.constantFrom(undefined, ...names.origins, "null"),
    proofInMessage: fc.boolean(),
  }),
  fc.record({
    kind: fc.constant("use" as const),
    provider,
    redirectUri: fc.constantFrom(undefined, ...names.redirectUris, "https://evil.example/callback"),
    scopes: wishesOf(names.scopes),
    audiences: wishesOf(names.audiences),
  }),
  fc.record({
    kind: fc.constant("result" as const),
    provider,
    scopes: wishesOf(names.scopes),
    audiences: wishesOf(names.identifiers),
    lifetimeMs,
  }),
  fc.record({
    kind: fc.constant("token" as const),
    audience: fc.constantFrom(...names.audiences, "unknown"),
    provider,
    token: fc.record({
      audiences: wishesOf(names.identifiers),
      clientId: fc.constantFrom(...names.originClients, "unknown"),
      scopes: wishesOf(names.scopes),
    }),
    requiredScopes: wishesOf(names.scopes),
  }),
  {
    // It has the most rules, and little of it would be allowed otherwise.
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("swap" as const),
      audience: fc.constantFrom(...names.audiences, ...names.audiences, "unknown"),
      provider: fc.constantFrom(...names.providers, ...names.providers, "unknown"),
      audiences: fc.oneof(listOf(names.audiences), wishesOf(names.audiences)),
      scopes: fc.oneof(listOf(names.scopes), wishesOf(names.scopes)),
      token: fc.record({ scopes: fc.oneof(fc.constant([...names.scopes]), wishesOf(names.scopes)) }),
      refreshToken: fc.boolean(),
    }),
  },
);

export function ask(written: Written, asked: Asked, onRule?: (rule: Rule) => void) {
  const policy = compilePolicy(written);
  const client = policy.clients.get(clientId);
  if (client === undefined) throw new Error("the configuration has no such client");
  return createDecide(policy.audiences, onRule === undefined ? {} : { onRule })({ ...asked, client });
}

const within = (wanted: readonly string[], listed: readonly string[]): boolean => new Set(wanted).isSubsetOf(new Set(listed));
const portless = (uri: string): string => uri.replace(/^(http:\/\/127\.0\.0\.1):8080/, "$1");

/** Something that a question goes beyond. */
export interface Excess {
  /** Path in the configuration. */
  readonly rule: string;
  /** True where its rule only reports. */
  readonly reportOnly: boolean;
}

/** Everything that the question goes beyond, in no order. */
export function excessOf(written: Written, asked: Asked): readonly Excess[] {
  const client = written.clients[clientId];
  if (client === undefined) throw new Error("the configuration has no such client");
  const at = `clients.${clientId}`;
  const tries = (rule: (typeof client.report_only)[number]) => client.report_only.includes(rule);
  const found: Excess[] = [];
  const demand = (holds: boolean, rule: string, reportOnly = false) => {
    if (!holds) found.push({ rule, reportOnly });
  };
  demand(!client.disabled, `${at}.disabled`);

  if (asked.kind === "call") {
    const page = client.kind === "browser";
    const from = asked.origin === undefined ? !page || asked.proofInMessage : page && client.origins.includes(asked.origin);
    demand(from, `${at}.origins`);
    demand(client.methods.includes(asked.method), `${at}.methods`, tries("methods"));
    return found;
  }

  if (asked.kind === "token") {
    demand(client.audiences.includes(asked.audience), `${at}.audiences`);
    const rule = written.audiences[asked.audience]?.accepts[asked.provider];
    const place = `audiences.${asked.audience}.accepts.${asked.provider}`;
    demand(rule !== undefined, place);
    if (rule === undefined) return found;
    demand(!new Set(asked.token.audiences).isDisjointFrom(new Set(rule.identifiers)), `${place}.identifiers`);
    demand(rule.clients.includes(asked.token.clientId), `${place}.clients`, rule.report_only);
    demand(within(asked.requiredScopes, asked.token.scopes), "required_scopes");
    return found;
  }

  if (asked.kind === "swap") {
    demand(client.audiences.includes(asked.audience), `${at}.audiences`);
    const own = written.audiences[asked.audience]?.accepts[asked.provider];
    demand(own?.exchange_as !== undefined, `audiences.${asked.audience}.accepts.${asked.provider}.exchange_as`);
    demand(asked.audiences.length > 0, "audiences");
    demand(within(asked.scopes, asked.token.scopes), "subject_token scope");
    const refreshes = client.providers[asked.provider]?.exchanged_refresh_tokens === true;
    if (client.providers[asked.provider] !== undefined)
      demand(!asked.refreshToken || refreshes, `${at}.providers.${asked.provider}.exchanged_refresh_tokens`);
  }
  const grant = client.providers[asked.provider];
  const place = `${at}.providers.${asked.provider}`;
  demand(grant !== undefined, place);
  if (grant === undefined) return found;
  demand(within(asked.scopes, grant.scopes), `${place}.scopes`, tries("scopes"));
  const identifiersOf = (name: string) => written.audiences[name]?.accepts[asked.provider]?.identifiers ?? [];
  if (asked.kind === "use" || asked.kind === "swap") {
    const spelled = (uri: string) => (client.kind === "native" ? portless(uri) : uri);
    const wanted = asked.kind === "use" ? asked.redirectUri : undefined;
    const redirect = wanted === undefined || grant.redirect_uris.map(spelled).includes(spelled(wanted));
    demand(redirect, `${place}.redirect_uris`);
    demand(within(asked.audiences, grant.audiences), `${place}.audiences`, tries("audiences"));
    for (const name of new Set(asked.audiences)) {
      demand(identifiersOf(name).length > 0, `audiences.${name}.accepts.${asked.provider}`);
    }
    return found;
  }
  const foreign = Object.keys(written.audiences).flatMap(identifiersOf);
  const own = grant.audiences.flatMap(identifiersOf);
  const reached = asked.audiences.filter((identifier) => foreign.includes(identifier));
  demand(within(reached, own), `${place}.audiences`, tries("audiences"));
  const longest = grant.max_lifetime ?? Infinity;
  demand((asked.lifetimeMs ?? Infinity) <= longest, `${place}.max_lifetime`, tries("max_lifetime"));
  return found;
}
