// Mistakes in the configuration of providers, of every kind, as `cambio check` shows them: each by its path, with the reason and with what
// to write instead. A configuration with any of them starts nothing.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { startChild } from "../support/child.ts";

/** A path, why it is wrong, and what helps. */
type Found = readonly [path: string, problem: string, fix: string];

interface Row {
  readonly name: string;
  /** Sections in place of the right ones. */
  readonly given: Readonly<Record<string, unknown>>;
  readonly env?: Readonly<Record<string, string>>;
  readonly found: readonly Found[];
}

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "cambio-check-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

const canary = "secret-canary-0123456789";
const sealing = { keys: [{ id: "1", key: Buffer.from(Array.from({ length: 32 }, (_, index) => 5 * index + 11)).toString("base64url") }] };
const database = { file: "cambio.sqlite" };
const openai = { kind: "openai", client: { id: "app_x" } };
const discord = { kind: "discord", client: { id: "157", secret: canary } };
const custom = {
  kind: "custom",
  issuer: "https://login.example.com",
  client: { id: "x", authentication: "none" },
  endpoints: { authorization: "https://login.example.com/authorize", token: "https://login.example.com/token" },
};
const betterAuth = { kind: "better-auth", issuer: "https://site.example.com" };
const redirect_uris = ["http://localhost/callback"];
const cli = (grants: object) => ({ cli: { kind: "native", methods: ["CreateAuthorizationUrl", "Exchange"], providers: grants } });
const endpoint = (key: string, more: object) => ({ p: { ...custom, endpoints: { ...custom.endpoints, [key]: undefined, ...more } } });
const notSet = (path: string, variable: string): Found => [
  path,
  `needs the environment variable ${variable}, which is not set`,
  `Set ${variable}`,
];

const rows: readonly Row[] = [
  {
    name: "variables that are not set, or are empty, by their names",
    given: {
      providers: {
        openai: { kind: "openai", client: { id: "${OPENAI_OAUTH_CLIENT_ID}" } },
        discord: { kind: "discord", client: { id: "${DISCORD_CLIENT_ID}", secret: "${DISCORD_CLIENT_SECRET}" } },
        github: { kind: "github", client: { id: "${GITHUB_CLIENT_ID}", secret: "${GITHUB_CLIENT_SECRET}" } },
        google: { kind: "google", client: { id: "x", secret: "${GOOGLE_CLIENT_SECRET}" } },
        keycloak: { kind: "keycloak", issuer: "${KEYCLOAK_ISSUER}", client: { id: "x", secret: "y" } },
        custom: { ...custom, endpoints: { ...custom.endpoints, token: "${TOKEN_URL}" } },
      },
      clients: cli({ discord: { redirect_uris: ["${DISCORD_REDIRECT_URI}"] } }),
    },
    env: { DISCORD_CLIENT_SECRET: "", GOOGLE_CLIENT_SECRET: "" },
    found: [
      notSet("providers.openai.client.id", "OPENAI_OAUTH_CLIENT_ID"),
      notSet("providers.discord.client.id", "DISCORD_CLIENT_ID"),
      notSet("providers.discord.client.secret", "DISCORD_CLIENT_SECRET"),
      notSet("providers.github.client.id", "GITHUB_CLIENT_ID"),
      notSet("providers.github.client.secret", "GITHUB_CLIENT_SECRET"),
      notSet("providers.google.client.secret", "GOOGLE_CLIENT_SECRET"),
      notSet("providers.keycloak.issuer", "KEYCLOAK_ISSUER"),
      notSet("providers.custom.endpoints.token", "TOKEN_URL"),
      notSet("clients.cli.providers.discord.redirect_uris.0", "DISCORD_REDIRECT_URI"),
    ],
  },
  {
    name: "a kind that there is not",
    given: { providers: { p: { ...openai, kind: "open-ai" } } },
    found: [["providers.p.kind", "is not one of the possible values", "keycloak, custom, openai, discord, github, google, better-auth"]],
  },
  {
    name: "keys that there are not, and values of another kind",
    given: {
      providers: {
        a: { ...openai, requests: { code: "json", refresh: "jsno" } },
        b: { ...discord, pkce: "S512" },
        c: { ...custom, endpoint: custom.endpoints },
        d: { ...custom, issuer: "https://d.example.com", requests: { code: "JSON" } },
        e: { ...betterAuth, client: { id: "x" } },
        f: { kind: "github", client: { id: "x", secret: "" } },
      },
    },
    found: [
      ["providers.a.requests.refresh", "is not one of the possible values", "form, json"],
      ["providers.b.pkce", "is not one of the possible values", "S256, none"],
      ["providers.c.endpoint", "is not a known key", "endpoints"],
      ["providers.d.requests.code", "is not one of the possible values", "form, json"],
      ["providers.e.client", "is not a known key", "issuer, back_channel_url"],
      ["providers.f.client.secret", "is too short", "1 characters or more"],
    ],
  },
  {
    name: "addresses that are none",
    given: {
      providers: {
        a: { ...openai, issuer: "auth.openai.com" },
        b: { ...discord, endpoints: { token: "discord.com/api" } },
        c: { ...custom, endpoints: { ...custom.endpoints, user: "ftp://login.example.com/me" } },
        d: { kind: "oidc", issuer: "https://user:pass@login.example.com", client: { id: "x", secret: canary } },
        e: { ...betterAuth, issuer: "https://site.example.com/?x=1" },
      },
    },
    found: [
      ["providers.a.issuer", "is not written as it must be", "such as https://login.example.com"],
      ["providers.b.endpoints.token", "is not written as it must be", "such as https://login.example.com"],
      ["providers.c.endpoints.user", "is not written as it must be", "such as https://login.example.com"],
      ["providers.d.issuer", "is not written as it must be", "Leave user name and password out"],
      ["providers.e.issuer", "is not written as it must be", "no query and no fragment"],
    ],
  },
  {
    name: "addresses that anybody on the way could read",
    given: {
      providers: {
        a: { ...discord, endpoints: { token: "http://discord.example/token" } },
        b: { kind: "keycloak", issuer: "http://keycloak.example/realms/x", client: { id: "x", secret: canary } },
        c: { ...betterAuth, issuer: "http://site.example" },
      },
    },
    found: [
      ["providers.a.endpoints.token", "is plain http beyond loopback", "Use https"],
      ["providers.b.issuer", "is plain http beyond loopback", "Use https"],
      ["providers.c.issuer", "is plain http beyond loopback", "Use https"],
    ],
  },
  ...(["authorization", "token"] as const).map((key) => ({
    name: `a custom provider without its ${key} endpoint`,
    given: { providers: endpoint(key, {}) },
    found: [[`providers.p.endpoints.${key}`, "is missing", "such as https://login.example.com/oauth/"]] as const,
  })),
  {
    name: "a custom provider that does not say what users are read from",
    given: { providers: { p: { ...custom, accounts: true, user: { claims: { id: "id" } } } } },
    found: [["providers.p.endpoints.user", "is missing: users are read there", "such as https://login.example.com/me"]],
  },
  {
    name: "issuers and clients that are missing",
    given: {
      providers: {
        a: { kind: "oidc", client: { id: "x", secret: canary } },
        b: { kind: "keycloak", client: { id: "x", secret: canary } },
        c: { ...custom, issuer: undefined },
        d: { kind: "better-auth" },
        e: { kind: "google" },
      },
    },
    found: [
      ["providers.a.issuer", "is missing", "https://"],
      ["providers.b.issuer", "is missing", "https://"],
      ["providers.c.issuer", "is missing", "https://"],
      ["providers.d.issuer", "is missing", "https://"],
      ["providers.e.client", "is missing", "such as { id: cambio, secret_file: client-secret }"],
    ],
  },
  {
    name: "secrets where there are none, and none where there has to be one",
    given: {
      providers: {
        a: { ...openai, client: { id: "x", secret: canary } },
        b: { kind: "discord", client: { id: "x" } },
        c: { kind: "github", client: { id: "x" } },
        d: { kind: "google", client: { id: "x" } },
        e: { ...custom, client: { id: "x" } },
      },
    },
    found: [
      ["providers.a.client.secret", "is not used with authentication none", "Remove it"],
      ["providers.b.client.secret", "is missing: authentication post needs it", "secret_file"],
      ["providers.c.client.secret", "is missing: authentication post needs it", "secret_file"],
      ["providers.d.client.secret", "is missing: authentication post needs it", "secret_file"],
      ["providers.e.client.secret", "is missing: authentication basic needs it", "secret_file"],
    ],
  },
  {
    name: "accounts and connections without a database",
    given: { database: undefined, providers: { openai }, clients: cli({ openai: { redirect_uris, connections: true } }) },
    found: [
      ["providers.openai.accounts", "needs a database, where the accounts are", "database: { file: cambio.sqlite }"],
      [
        "clients.cli.providers.openai.connections",
        "needs a database, where connections are kept",
        "such as database: { file: cambio.sqlite }",
      ],
    ],
  },
  {
    name: "connections without a spool, in PostgreSQL",
    given: {
      database: { url: "postgres://cambio@localhost/cambio" },
      providers: { openai },
      clients: cli({ openai: { redirect_uris, connections: true } }),
    },
    found: [["clients.cli.providers.openai.connections", "needs a spool", "such as vault: { spool: ./spool }"]],
  },
  {
    name: "connections of users who have no accounts",
    given: { providers: { openai: { ...openai, accounts: false } }, clients: cli({ openai: { redirect_uris, connections: true } }) },
    found: [
      [
        "clients.cli.providers.openai.connections",
        "needs a provider whose users have accounts here",
        "Set accounts: true at providers.openai",
      ],
    ],
  },
  {
    name: "connections of a client that makes none",
    given: {
      providers: { openai },
      clients: {
        ...cli({ openai: { redirect_uris } }),
        worker: { kind: "service", secrets: [canary], methods: ["Refresh"], providers: { openai: { connections_of: ["cli", "clu"] } } },
      },
    },
    found: [
      ["clients.worker.providers.openai.connections_of.0", "names a client that makes no connections there", "Set connections: true"],
      ["clients.worker.providers.openai.connections_of.1", "names none of the configured clients", "Write one of cli, worker"],
    ],
  },
  {
    name: "a webhook whose secret is short, and which everybody can read",
    given: { providers: { openai }, vault: { webhook: { url: "http://hooks.example/x", secret: "short-canary" } } },
    found: [
      ["vault.webhook.url", "is plain http beyond loopback", "Use https."],
      ["vault.webhook.secret", "is shorter than 32 characters", "openssl rand -base64 32"],
    ],
  },
];

describe.each(rows)("$name:", ({ given, env = {}, found }) => {
  it("the check says where, why, and what helps, and no secret", async () => {
    const file = join(folder, `${rows.findIndex((row) => row.given === given)}.yaml`);
    const server = { issuer: "https://cambio.example.com" };
    writeFileSync(file, stringify({ server, sealing, database, clients: {}, ...given }));
    const check = startChild(["src/cli/cambio.mjs", "check", file], env);
    expect([await check.ended, check.output()]).toEqual([1, ""]);
    const [first = "", ...lines] = check.errors().trimEnd().split("\n");
    expect(first).toBe(`${file}: ${found.length} mistake${found.length === 1 ? "" : "s"}`);
    for (const [path, problem, fix] of found) {
      const at = lines.findIndex((line) => line.startsWith(`  ${path} (line `));
      expect([path, lines[at]]).toEqual([path, expect.stringContaining(problem)]);
      const said = lines[at + 1] ?? "";
      expect([path, said]).toEqual([path, expect.stringMatching(/^ {4}[A-Z]/)]);
      expect([path, said]).toEqual([path, expect.stringContaining(fix)]);
    }
    expect(check.errors()).not.toContain("canary");
  });
});

it("a service with such a configuration does not start", async () => {
  const file = join(folder, "serve.yaml");
  writeFileSync(file, stringify({ sealing, database, clients: {}, providers: { discord: { kind: "discord", client: { id: "x" } } } }));
  const serve = startChild(["src/cli/cambio.mjs", "serve", file]);
  expect([await serve.ended, serve.output()]).toEqual([1, ""]);
  expect(serve.errors()).toContain("providers.discord.client.secret");
});
