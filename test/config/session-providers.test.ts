import { parse } from "yaml";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { jsonSchema } from "../../src/config/json-schema.ts";
import { exampleWith, expectOnlyMistake, failureOf, load } from "./given.ts";

const site = { kind: "better-auth", issuer: "https://app.example.com" };
const withSite = (more: object = {}, changes: Readonly<Record<string, unknown>> = {}) => ({
  "providers/site": { ...site, ...more },
  ...changes,
});
const settingsOf = (more: object = {}, env = {}) => load({ text: exampleWith(withSite(more)), env }).providers["site"];
const accepted = (more: object) => z.fromJSONSchema(jsonSchema()).safeParse(parse(exampleWith(withSite(more)))).success;
const accepts = { identifiers: ["https://app.example.com"], clients: ["https://app.example.com"] };

describe("a provider that keeps sessions", () => {
  it("is complete with its kind and its issuer, and allows nothing that nobody wrote down", () => {
    expect(settingsOf()).toEqual({
      kind: "better-auth",
      issuer: "https://app.example.com",
      base_path: "/api/auth",
      session_cookie: "__Secure-better-auth.session_token",
      bearer: false,
      impersonation: "refuse",
      jwt: false,
      allow_http: false,
      timeout: 10_000,
    });
  });

  it.each([
    ["http://localhost:3000", "better-auth.session_token"],
    ["https://app.example.com", "__Secure-better-auth.session_token"],
  ])("of %s has its cookie by the name that Better Auth gives it there", (issuer, cookie) => {
    expect(settingsOf({ issuer })).toMatchObject({ session_cookie: cookie });
  });

  it("takes what is written over its defaults, and from the environment", () => {
    const env = { KIND: "better-auth", ISSUER: "http://auth:3000", ON: "true", COOKIE: "__Host-session" };
    const written = { kind: "${KIND}", issuer: "${ISSUER}", allow_http: "${ON}", jwt: "${ON}", session_cookie: "${COOKIE}" };
    expect(settingsOf({ ...written, subject_prefix: "site:", timeout: "1s" }, env)).toMatchObject({
      kind: "better-auth",
      issuer: "http://auth:3000",
      allow_http: true,
      jwt: true,
      session_cookie: "__Host-session",
      subject_prefix: "site:",
      timeout: 1_000,
    });
  });

  it("lets a client exchange that has no redirect URI anywhere", () => {
    const web = {
      kind: "browser",
      origins: ["https://app.example.com"],
      methods: ["Exchange", "Refresh", "Revoke"],
      providers: { site: {} },
    };
    expect(load({ text: exampleWith(withSite({}, { "clients/page": web })) }).clients["page"]?.methods).toContain("Exchange");
  });

  it("may be an audience's where its JWTs are accepted", () => {
    const text = exampleWith(withSite({ jwt: true }, { "audiences/orders/accepts/site": accepts }));
    expect(load({ text }).audiences["orders"]?.accepts["site"]?.clients).toEqual(["https://app.example.com"]);
  });
});

it("any provider may have a prefix for its subjects", () => {
  expect(load({ text: exampleWith({ "providers/main/subject_prefix": "main:" }) }).providers["main"]?.subject_prefix).toBe("main:");
});

describe("what is found about a provider that keeps sessions", () => {
  const one = "providers.site";
  expectOnlyMistake([
    { name: "no issuer", changes: withSite({ issuer: undefined }), path: `${one}.issuer`, words: "is missing" },
    { name: "a key of OAuth", changes: withSite({ client: { id: "x" } }), path: `${one}.client`, words: "is not a known key" },
    { name: "plain http", changes: withSite({ issuer: "http://app.example.com" }), path: `${one}.issuer`, words: "plain http" },
    {
      name: "plain http on the back channel",
      changes: withSite({ back_channel_url: "http://auth:3000" }),
      path: `${one}.back_channel_url`,
      words: "plain http",
    },
    {
      name: "a back channel with a query, which would swallow the path",
      changes: withSite({ back_channel_url: "https://auth/?x=" }),
      path: `${one}.back_channel_url`,
      words: "query",
    },
    { name: "a base path without a slash", changes: withSite({ base_path: "api/auth" }), path: `${one}.base_path`, words: "slash" },
    {
      name: "a base path that leads elsewhere",
      changes: withSite({ base_path: "/api/../admin" }),
      path: `${one}.base_path`,
      words: "segments",
    },
    ...["a b", "a;b", "a=b", "", '"a"', "ä", "a,b", "a\r\nb"].map((session_cookie) => ({
      name: `a cookie that no header can carry: ${JSON.stringify(session_cookie)}`,
      changes: withSite({ session_cookie }),
      path: `${one}.session_cookie`,
      words: "cookie",
    })),
    ...["Site:", "site", ":", "a b:", "a:b:", "x".repeat(33)].map((subject_prefix) => ({
      name: `a prefix that could be read in two ways: ${subject_prefix}`,
      changes: withSite({ subject_prefix }),
      path: `${one}.subject_prefix`,
      words: "colon",
    })),
    { name: "a kind of impersonation", changes: withSite({ impersonation: "allow" }), path: `${one}.impersonation`, words: "refuse, act" },
    { name: "no kind", changes: withSite({ kind: undefined }), path: `${one}.kind`, words: "is missing" },
    {
      name: "an unknown kind",
      changes: withSite({ kind: "better_auth" }),
      path: `${one}.kind`,
      words: "oidc, keycloak, custom, openai, discord, github, google, better-auth",
    },
    {
      name: "the issuer of another provider",
      changes: withSite({ issuer: "https://login.example.com" }, { "providers/main/issuer": "https://login.example.com" }),
      path: `${one}.issuer`,
      words: "is the issuer of main",
    },
    {
      name: "an audience that accepts its tokens, where it issues none",
      changes: withSite({}, { "audiences/orders/accepts/site": accepts }),
      path: "audiences.orders.accepts.site",
      words: "jwt: true",
    },
    {
      name: "a registration there",
      changes: withSite({ jwt: true }, { "audiences/orders/accepts/site": { ...accepts, exchange_as: { id: "orders", secret: "s" } } }),
      path: "audiences.orders.accepts.site.exchange_as",
      words: "exchanges no tokens",
    },
    {
      name: "redirect URIs for codes that it does not issue",
      changes: withSite({}, { "clients/web/providers/site": { redirect_uris: ["https://app.example.com/other"] } }),
      path: "clients.web.providers.site.redirect_uris",
      words: "is for codes",
    },
    {
      name: "a route that would redeem codes of it",
      changes: withSite(
        {},
        {
          "clients/web/providers/site": {},
          "routes/exchange": [{ path: "/api/auth/exchange", client: "web", provider: "site" }],
        },
      ),
      path: "routes.exchange.0.provider",
      words: "issues no codes",
    },
  ]);

  it("leaves the keys of its kind in the way out of an unknown one", () => {
    const { mistakes } = failureOf({ text: exampleWith(withSite({ isuer: "x" })) });
    expect(mistakes[0]?.fix).toContain("session_cookie");
    expect(mistakes[0]?.fix).not.toContain("pkce");
  });
});

describe("the name cambio", () => {
  expectOnlyMistake([
    {
      name: "is no provider's: it stands for this service's own tokens",
      changes: { "providers/cambio": site },
      path: "providers.cambio",
      words: "own tokens",
    },
    {
      name: "is no OAuth provider's either",
      changes: { "providers/cambio": { kind: "oidc", issuer: "https://c.example", client: { id: "cambio", authentication: "none" } } },
      path: "providers.cambio",
      words: "own tokens",
    },
  ]);
});

describe("an editor", () => {
  it("accepts a provider of this kind, with references in it", () => {
    expect([accepted({}), accepted({ jwt: "${JWT}", kind: "${KIND}" })]).toEqual([true, true]);
  });

  it("refuses keys of another kind, and a kind that there is not", () => {
    expect([accepted({ client: { id: "x" } }), accepted({ pkce: "none" }), accepted({ kind: "auth" })]).toEqual([false, false, false]);
  });
});
