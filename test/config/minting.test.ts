import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { exampleWith, expectOnlyMistake, failureOf, load } from "./given.ts";
import { changed } from "./issuing-example.ts";

const mint = "audiences/backend/mint";
const hs256 = { algorithm: "HS256", secret: "0123456789abcdef0123456789abcdef" };
const legacy = (given: object) => ({ accepts: {}, mint: { ...hs256, from: { site: {} }, ...given } });
describe("tokens that are issued here", () => {
  it("are described by a configuration that is accepted whole, with nothing in it that nobody wrote down", () => {
    const { audiences, clients, routes } = load({ text: exampleWith(changed({})) });
    expect(audiences["backend"]?.mint).toMatchObject({ lifetime: 900_000, actors: [{ subjects: [], clients: ["agent"] }] });
    expect(audiences["backend"]?.mint?.from["cambio"]).toEqual({ scopes: [], scope_map: {}, claims: { name: "name" } });
    expect(clients["page"]?.refresh_cookie).toBe("__Secure-cambio-refresh");
    expect(routes.backend_token).toHaveLength(1);
  });

  it.each<[string, Readonly<Record<string, unknown>>]>([
    [
      "need no keys where every audience shares a secret",
      { signing: undefined, "audiences/backend": legacy({}), "audiences/orders": undefined, ...noOrders() },
    ],
    [
      "need no prefix where they are about one provider's users and our own",
      {
        "providers/site/subject_prefix": undefined,
        [`${mint}/from/main`]: undefined,
        [`${mint}/actors`]: [],
      },
    ],
    [
      "may be for nobody, until somebody is listed",
      { [`${mint}/from`]: {}, [`${mint}/actors`]: [], "clients/page": undefined, "routes/backend_token": [] },
    ],
    ["may have actors by their subjects alone", { [`${mint}/actors`]: [{ provider: "cambio", subjects: ["main:robot"], for: ["site"] }] }],
  ])("%s", (_what, changes) => {
    expect(() => load({ text: exampleWith(changed(changes)) })).not.toThrow();
  });
});

/** What of the example names the audience `orders`. */
function noOrders(): Readonly<Record<string, unknown>> {
  return { "audiences/orders": { accepts: { main: { identifiers: ["urn:orders"], clients: ["x"] } } } };
}

describe("what is found about tokens that are issued here", () => {
  const at = "audiences.backend.mint";
  const rows: readonly (readonly [name: string, changes: Readonly<Record<string, unknown>>, path: string, words: string])[] = [
    ["no name of this service, which is their issuer", { "server/issuer": undefined }, "server.issuer", "is missing"],
    ["no keys", { signing: undefined }, at, "there are no keys to sign with"],
    [
      "no `aud` by which they mean the audience",
      { "audiences/backend/accepts": {} },
      "audiences.backend.accepts",
      "Add accepts.cambio with identifiers.",
    ],
    ["a secret beside a published key", { [`${mint}/secret`]: hs256.secret }, `${at}.secret`, "is not used with a published key"],
    ["HS256 without a secret", { "audiences/legacy": legacy({ secret: undefined }) }, "audiences.legacy.mint.secret", "HS256 signs by it"],
    [
      "HS256 with a short secret",
      { "audiences/legacy": legacy({ secret: "x".repeat(31) }) },
      "audiences.legacy.mint.secret",
      "shorter than 32 bytes",
    ],
    [
      "one secret of two audiences: each could make the other's tokens",
      { "audiences/legacy": legacy({}), "audiences/older": legacy({}) },
      "audiences.older.mint.secret",
      "is that of legacy as well",
    ],
    [
      "no name of this service where no key of its own signs, either",
      { "server/issuer": undefined, signing: undefined, "audiences/backend": { ...legacy({ from: { site: {} } }) } },
      "server.issuer",
      "is missing although tokens are issued here",
    ],
    [
      "a mistake in an audience, and not in the client that asks for it",
      {
        [`${mint}/lifetime`]: "25h",
        "clients/machine": {
          kind: "service",
          secrets: ["secret-of-a-machine"],
          methods: ["Exchange"],
          providers: { main: { audiences: ["backend"] } },
        },
      },
      `${at}.lifetime`,
      "Choose from 1m to 24h",
    ],
    ["an algorithm that nobody may sign by", { [`${mint}/algorithm`]: "none" }, `${at}.algorithm`, "ES256"],
    ["a token that lives longer than a day", { [`${mint}/lifetime`]: "25h" }, `${at}.lifetime`, "Choose from 1m to 24h"],
    ["a token that hardly lives", { [`${mint}/lifetime`]: "30s" }, `${at}.lifetime`, "Choose from 1m to 24h"],
    ["subjects of nobody", { [`${mint}/from/nowhere`]: {} }, `${at}.from.nowhere`, "names none of the configured providers"],
    ["more scope for our own tokens", { [`${mint}/from/cambio`]: { scopes: ["read"] } }, `${at}.from.cambio.scopes`, "would widen"],
    [
      "another scope for our own tokens",
      { [`${mint}/from/cambio`]: { scope_map: { a: ["b"] } } },
      `${at}.from.cambio.scope_map`,
      "would widen",
    ],
    [
      "a map for sessions, which have no scopes",
      { [`${mint}/from/site/scope_map`]: { a: ["b"] } },
      `${at}.from.site.scope_map`,
      "a session has none",
    ],
    [
      "a scope that stands for nothing",
      { [`${mint}/from/main/scope_map`]: { a: [] } },
      `${at}.from.main.scope_map.a`,
      "Allowed: 1 entries or more",
    ],
    [
      "a token that is asked for its subject's picture",
      { [`${mint}/from/main/claims/face`]: "picture" },
      `${at}.from.main.claims.face`,
      "only an account is known for",
    ],
    [
      "a token of our own that is asked whether an address was seen",
      { [`${mint}/from/cambio/claims/seen`]: "email_verified" },
      `${at}.from.cambio.claims.seen`,
      "only an account is known for",
    ],
    [
      "a picture from a provider that has a mistake of its own, and of which nothing else is known",
      { "providers/main/pkce": "S265", [`${mint}/from/main/claims/face`]: "picture" },
      "providers.main.pkce",
      "Write one of S256, none",
    ],
    ["an attribute that there is not", { [`${mint}/from/site/claims/role`]: "role" }, `${at}.from.site.claims.role`, "preferred_username"],
    ...["sub", "iss", "aud", "exp", "scope", "act", "may_act", "client_id", "cnf", "azp", "jti", "nonce", "events"].map(
      (claim) =>
        [
          `a claim that is this service's own to say, or a proof: ${claim}`,
          { [`${mint}/from/site/claims`]: { [claim]: "name" } },
          `${at}.from.site.claims.${claim}`,
          "this service's own",
        ] as const,
    ),
    [
      "a prefix that one provider lacks",
      { "providers/main/subject_prefix": undefined },
      "providers.main.subject_prefix",
      "users of several providers",
    ],
    [
      "a prefix that a provider lacks whose users have accounts, and get no tokens: somebody could have an account's id for a name elsewhere",
      {
        "providers/main/subject_prefix": undefined,
        "providers/main/accounts": true,
        [`${mint}/from/main`]: undefined,
        [`${mint}/actors`]: [],
      },
      "providers.main.subject_prefix",
      "users of several providers",
    ],
    [
      "one prefix of two providers: their users would meet in one `sub`",
      { "providers/main/subject_prefix": "site:" },
      "providers.main.subject_prefix",
      "is that of site as well",
    ],
    [
      "one prefix of two providers, each in an audience of its own",
      {
        "providers/main/subject_prefix": "site:",
        [`${mint}/from`]: { site: {} },
        [`${mint}/actors`]: [],
        "audiences/legacy": legacy({ from: { main: {} } }),
        "clients/page/providers/site/scopes": [],
      },
      "providers.main.subject_prefix",
      "is that of site as well",
    ],
    [
      "an actor of nobody",
      { [`${mint}/actors/0/provider`]: "nowhere" },
      `${at}.actors.0.provider`,
      "names none of the configured providers",
    ],
    ["an actor that is nobody", { [`${mint}/actors/0/clients`]: [] }, `${at}.actors.0`, "means nobody"],
    [
      "an actor for subjects that get no tokens",
      { [`${mint}/actors/0/for`]: ["site", "corporate"] },
      `${at}.actors.0.for.1`,
      "is not among those",
    ],
    ["an actor for nobody", { [`${mint}/actors/0/for`]: [] }, `${at}.actors.0.for`, "Allowed: 1 entries or more"],
    [
      "one `aud` of two audiences: a token for one would open the other",
      { "audiences/other": { accepts: { cambio: { identifiers: ["urn:other", "urn:backend"], clients: [] } } } },
      "audiences.other.accepts.cambio.identifiers.1",
      "means backend as well",
    ],
    [
      "a registration at a provider for what is issued here",
      { "audiences/backend/accepts/cambio/exchange_as": { id: "x", secret: "unused-secret-of-x" } },
      "audiences.backend.accepts.cambio.exchange_as",
      "these tokens are issued here",
    ],
    [
      "a provider that takes the name of our own tokens",
      {
        "providers/cambio": {
          kind: "oidc",
          issuer: "https://x.example.com",
          client: { id: "x", authentication: "none" },
          subject_prefix: "x:",
        },
      },
      "providers.cambio",
      "stands for this service's own tokens",
    ],
    [
      "an audience that a client may ask for, and that issues it nothing",
      { [`${mint}/from/site`]: undefined, [`${mint}/actors/0/for`]: ["main"], "routes/backend_token": [] },
      "clients.page.providers.site.audiences.0",
      "takes nothing from this provider",
    ],
  ];
  expectOnlyMistake(rows.map(([name, changes, path, words]) => ({ name, path, words, changes: changed(changes) })));

  it.each(["constructor", "__proto__", "toString"])("no rule is fooled by a name that every object has: %s", (name) => {
    const actors = [{ provider: "main", clients: ["agent"], for: [name] }];
    expect(failureOf({ text: exampleWith(changed({ [`${mint}/actors`]: actors })) }).mistakes.map(({ path }) => path)).toEqual([
      `${at}.actors.0.for.0`,
    ]);
  });

  it("an algorithm that no key of the files is for", () => {
    const pem =
      "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----\n";
    const signing = { algorithm: "EdDSA", keys: [{ private_key: pem }] };
    expect(failureOf({ text: exampleWith(changed({ signing, [`${mint}/algorithm`]: "RS256" })) }).mistakes).toMatchObject([
      { path: `${at}.algorithm`, problem: "has no key under signing.keys" },
    ]);
    expect(() => load({ text: exampleWith(changed({ signing })) })).not.toThrow();
  });
});

describe("a shared secret", () => {
  const canary = "CANARY-7f3a9c51e8";
  it.each<[string, object]>([
    ["that is too short", { secret: canary }],
    ["that two audiences have", { secret: `${canary}-0123456789-0123456789` }],
    ["that is not used", { secret: `${canary}-0123456789-0123456789`, algorithm: "ES256" }],
    ["that is a map", { secret: { [canary]: canary } }],
    ["from a file that is not there", { secret: undefined, secret_file: `/run/${canary}` }],
  ])("%s stands in no part of the error", (_name, given) => {
    const audiences = { "audiences/legacy": legacy(given), "audiences/older": legacy(given) };
    const error = failureOf({ text: exampleWith(changed(audiences)) });
    const shown = [error.message, error.stack, inspect(error, { depth: 9, showHidden: true }), JSON.stringify(error)].join("\n");
    expect(error.mistakes.length).toBeGreaterThan(0);
    expect(shown).not.toContain("CANARY");
  });

  it("is read from a file, and prints as nothing", () => {
    const text = exampleWith(changed({ "audiences/legacy": legacy({ secret: undefined, secret_file: "legacy" }) }));
    const { audiences } = load({ text, files: { "/etc/cambio/legacy": `${canary}-0123456789-0123456789\n` } });
    expect(audiences["legacy"]?.mint?.secret?.reveal()).toBe(`${canary}-0123456789-0123456789`);
    expect(inspect(audiences, { depth: Infinity, showHidden: true }) + JSON.stringify(audiences)).not.toContain("CANARY");
  });
});
