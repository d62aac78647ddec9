import { readFileSync } from "node:fs";
import { parse } from "yaml";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { jsonSchema } from "../../src/config/json-schema.ts";
import { exampleText, exampleWith, expectOnlyMistake, failureOf, load } from "./given.ts";

const database = { "database/file": "/var/lib/cambio.sqlite" };
const openai = { kind: "openai", client: { id: "app_x" } };
const discord = { kind: "discord", client: { id: "157", secret: "dc-s3cret" } };
const custom = {
  kind: "custom",
  issuer: "https://login.models.example",
  client: { id: "x", authentication: "none" },
  endpoints: { authorization: "https://login.models.example/authorize", token: "https://login.models.example/token" },
};
const withProvider = (provider: object, changes: Readonly<Record<string, unknown>> = database) => ({
  "providers/one": provider,
  ...changes,
});
const settingsOf = (provider: object, env = {}) => load({ text: exampleWith(withProvider(provider)), env }).providers["one"];
const accepted = (provider: object) => z.fromJSONSchema(jsonSchema()).safeParse(parse(exampleWith(withProvider(provider)))).success;

describe("a provider that is known by its kind", () => {
  it("needs no more than its client, and comes with all that it is known for", () => {
    expect(settingsOf(openai)).toMatchObject({
      issuer: "https://auth.openai.com",
      client: { id: "app_x", authentication: "none" },
      requests: { code: "form", refresh: "json", revocation: "json" },
      terminal_errors: ["refresh_token_expired", "refresh_token_reused", "refresh_token_invalidated"],
      terminal_statuses: [401],
      token_type_default: "Bearer",
      pkce: "S256",
      accounts: true,
      lost_answer: "reauthenticate",
      refresh_ahead: 600_000,
      refresh_rate: 10,
      refresh_concurrency: 4,
    });
    expect(settingsOf(discord)).toMatchObject({
      issuer: "https://discord.com",
      endpoints: { token: "https://discord.com/api/oauth2/token", user: "https://discord.com/api/users/@me" },
      client: { authentication: "post" },
      rate_limit: "retry_after",
      code_state: false,
      accounts: true,
    });
    expect(settingsOf({ kind: "github", client: { id: "x", secret: "y" } })).toMatchObject({
      client: { authentication: "post" },
      accounts: true,
    });
    expect(accepted(openai) && accepted(discord)).toBe(true);
  });

  it("gives way, key by key, to what is written", () => {
    const token = "http://127.0.0.1:9/token";
    const requests = { refresh: "form" };
    const more = {
      issuer: "http://127.0.0.1:9",
      endpoints: { token },
      requests,
      accounts: false,
      lost_answer: "retry_once",
      refresh_ahead: "1h",
    };
    expect(settingsOf({ ...openai, ...more })).toMatchObject({
      issuer: "http://127.0.0.1:9",
      endpoints: { authorization: "https://auth.openai.com/oauth/authorize", token },
      requests: { code: "form", refresh: "form", revocation: "json" },
      accounts: false,
      lost_answer: "retry_once",
      refresh_ahead: 3_600_000,
    });
  });

  it("takes its client from the environment", () => {
    const client = { id: "${DISCORD_CLIENT_ID}", secret: "${DISCORD_CLIENT_SECRET}" };
    const env = { DISCORD_CLIENT_ID: "157", DISCORD_CLIENT_SECRET: "dc-s3cret" };
    expect(settingsOf({ kind: "discord", client }, env)).toMatchObject({ client: { id: "157" } });
  });
});

describe("a custom provider", () => {
  it("is by the book where nothing else is written, and has no accounts", () => {
    expect(settingsOf(custom)).toMatchObject({
      requests: { code: "form", refresh: "form", revocation: "form" },
      authorization_parameters: {},
      code_state: false,
      terminal_errors: [],
      terminal_statuses: [],
      accounts: false,
    });
  });

  it("can say all that the token endpoint of a provider of JSON needs", () => {
    const more = {
      requests: { code: "json", refresh: "json", revocation: "json" },
      code_state: true,
      endpoints: { ...custom.endpoints, user: "https://api.models.example/me" },
      user: {
        claims: {
          id: "account.uuid",
          username: "account.login",
          name: "account.name",
          email: "email",
          email_verified: "verified",
          avatar_url: "a",
        },
      },
      terminal_errors: ["refresh_token_reused"],
      terminal_statuses: [401],
      rate_limit: "retry_after",
      token_type_default: "Bearer",
      authorization_parameters: { code: "true" },
      accounts: true,
      lost_answer: "retry_once",
    };
    expect(settingsOf({ ...custom, ...more })).toMatchObject(more);
    expect(accepted({ ...custom, ...more })).toBe(true);
  });
});

describe("the example's providers that are commented out", () => {
  it("are right when they are taken in, with their variables", () => {
    const taken = exampleText.replace(/ {2}# openai:\n[\s\S]*?(?=\n# Whom tokens)/, (block) => block.replaceAll(/^ {2}# /gm, "  "));
    expect(taken).not.toBe(exampleText);
    const text = taken.replace("# database:\n", "database:\n  file: /var/lib/cambio.sqlite\n");
    const env = { DISCORD_CLIENT_ID: "157", DISCORD_CLIENT_SECRET: "dc-s3cret" };
    expect(load({ text, env }).providers).toMatchObject({
      openai: { kind: "openai", client: { id: "app_EMoamEEZ73f0CkXaXp7hrann" } },
      discord: { kind: "discord", client: { id: "157" } },
    });
    expect(load({ text, env: { ...env, OPENAI_OAUTH_CLIENT_ID: "app_mine" } }).providers["openai"]).toMatchObject({
      client: { id: "app_mine" },
    });
    const { mistakes } = failureOf({ text, env: { DISCORD_CLIENT_ID: "", DISCORD_CLIENT_SECRET: undefined } });
    expect(mistakes.map(({ path, problem }) => [path, problem])).toEqual([
      ["providers.discord.client.id", "needs the environment variable DISCORD_CLIENT_ID, which is not set"],
      ["providers.discord.client.secret", "needs the environment variable DISCORD_CLIENT_SECRET, which is not set"],
    ]);
  });
});

describe("the example of docs/configuration.md", () => {
  it("is right, and says all that it is about", () => {
    const documentation = readFileSync(new URL("../../docs/configuration.md", import.meta.url), "utf8");
    const example = /```yaml\n(providers:\n {2}models:\n[\s\S]*?)```/.exec(documentation)?.[1] ?? "";
    const { models } = (parse(example) as { readonly providers: { readonly models: object } }).providers;
    expect(settingsOf(models)).toMatchObject({
      kind: "custom",
      requests: { code: "json", refresh: "json" },
      code_state: true,
      accounts: true,
    });
  });
});

describe("what is found about a provider", () => {
  const one = "providers.one";
  const row = (name: string, provider: object, path: string, words: string) => ({ name, changes: withProvider(provider), path, words });
  const user = { claims: { id: "id" } };
  expectOnlyMistake([
    row(
      "a kind by the book without an issuer",
      { kind: "oidc", client: { id: "x", secret: "y" } },
      `${one}.issuer`,
      "https://login.example.com",
    ),
    row("a custom one without an issuer", { ...custom, issuer: undefined }, `${one}.issuer`, "https://login.example.com"),
    row(
      "a custom one without a token endpoint",
      { ...custom, endpoints: { authorization: custom.endpoints.authorization } },
      `${one}.endpoints.token`,
      "such as https://login.example.com/oauth/token",
    ),
    row(
      "a custom one without an authorization endpoint",
      { ...custom, endpoints: { token: custom.endpoints.token } },
      `${one}.endpoints.authorization`,
      "such as https://login.example.com/oauth/authorize",
    ),
    row(
      "a back channel that nobody would read",
      { ...discord, back_channel_url: "https://d.example" },
      `${one}.back_channel_url`,
      "Give endpoints",
    ),
    row("users without a place to read them", { ...custom, user }, `${one}.endpoints.user`, "such as https://login.example.com/me"),
    row("accounts of users that nobody knows", { ...custom, accounts: true }, `${one}.accounts`, "claims: { id: id }"),
    { name: "accounts without a database", changes: { "providers/one": discord }, path: `${one}.accounts`, words: "accounts: false" },
    row("a secret where none is used", { ...openai, client: { id: "x", secret: "y" } }, `${one}.client.secret`, "authentication none"),
    row("no secret where one is needed", { kind: "discord", client: { id: "x" } }, `${one}.client.secret`, "post needs it"),
    row(
      "a token endpoint over plain http",
      { ...discord, endpoints: { token: "http://d.example/t" } },
      `${one}.endpoints.token`,
      "Use https",
    ),
    row("a user endpoint over plain http", { ...discord, endpoints: { user: "http://d.example/u" } }, `${one}.endpoints.user`, "Use https"),
    row("introspection of tokens that nobody takes", { ...discord, introspection: "opaque" }, `${one}.introspection`, "endpoints.jwks"),
    row("a body of another kind", { ...openai, requests: { code: "xml" } }, `${one}.requests.code`, "form, json"),
    row("an empty error", { ...openai, terminal_errors: [""] }, `${one}.terminal_errors.0`, "such as invalid_grant"),
    row("a status that passes by itself", { ...openai, terminal_statuses: [429] }, `${one}.terminal_statuses.0`, "408 and 429"),
    row("a status that is no refusal", { ...openai, terminal_statuses: [500] }, `${one}.terminal_statuses.0`, "499 at most"),
    row("a wait deep in the body", { ...discord, rate_limit: "a.b" }, `${one}.rate_limit`, "the body itself"),
    row(
      "a path that leads nowhere",
      { ...custom, user: { claims: { id: "a..b" } }, endpoints: { ...custom.endpoints, user: "https://a.example" } },
      `${one}.user.claims.id`,
      "data.id",
    ),
    ...(
      [
        ["accounts by an e-mail address", { id: "mail", email: "mail" }],
        ["accounts by a member that is called an address", { id: "profile.email" }],
        ["accounts by a member that is called one in capitals", { id: "EMAIL_address" }],
        ["accounts by a user name", { id: "login", username: "login" }],
        ["accounts by a display name", { id: "n", name: "n" }],
      ] as const
    ).map(([name, claims]) =>
      row(
        name,
        { ...custom, accounts: true, user: { claims }, endpoints: { ...custom.endpoints, user: "https://a.example" } },
        `${one}.user.claims.id`,
        "change hands",
      ),
    ),
    row(
      "users without an id",
      { ...custom, user: { claims: { name: "n" } }, endpoints: { ...custom.endpoints, user: "https://a.example" } },
      `${one}.user.claims.id`,
      "id there",
    ),
    row(
      "a rule for lost answers that there is not",
      { ...discord, lost_answer: "retry" },
      `${one}.lost_answer`,
      "reauthenticate, retry_once",
    ),
    row("refreshes long before they are needed", { ...discord, refresh_ahead: "25h" }, `${one}.refresh_ahead`, "1m to 24h"),
    row("refreshes at no rate", { ...discord, refresh_rate: 0 }, `${one}.refresh_rate`, "1 or more"),
    row("refreshes without a bound", { ...discord, refresh_concurrency: 101 }, `${one}.refresh_concurrency`, "100 at most"),
    {
      name: "an audience that accepts what only its issuer can read",
      changes: withProvider(discord, { ...database, "audiences/orders/accepts/one": { identifiers: ["x"], clients: ["y"] } }),
      path: "audiences.orders.accepts.one",
      words: "nobody but that provider can read",
    },
    ...[
      "response_type",
      "client_id",
      "redirect_uri",
      "scope",
      "state",
      "code_challenge",
      "code_challenge_method",
      "nonce",
      "resource",
      "request",
    ].map((parameter) =>
      row(
        `${parameter} in place of this service's`,
        { ...openai, authorization_parameters: { [parameter]: "x" } },
        `${one}.authorization_parameters.${parameter}`,
        "This service sets",
      ),
    ),
  ]);

  it("names no secret and no value", () => {
    const { message } = failureOf({ text: exampleWith(withProvider({ ...openai, client: { id: "x", secret: "canary-secret" } })) });
    expect(message).not.toContain("canary");
  });
});
