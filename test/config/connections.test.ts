import { describe, expect, it } from "vitest";
import { exampleWith, expectOnlyMistake, load } from "./given.ts";

const discord = { kind: "discord", client: { id: "d", secret: "discord-secret-0123456789" } };
const grant = { redirect_uris: ["https://page.example/discord"], scopes: ["identify"] };
const page = (more: object = {}) => ({
  kind: "browser",
  origins: ["https://page.example"],
  methods: ["Exchange", "Refresh", "GetAccount"],
  providers: { discord: { ...grant, connections: true, ...more } },
});
const worker = (more: object = {}) => ({
  kind: "service",
  secrets: ["worker-secret-0123456789"],
  methods: ["Refresh", "GetAccount"],
  providers: { discord: { scopes: ["identify"], connections_of: ["page"] } },
  ...more,
});
const sealing = { keys: [{ id: "k1", key: Buffer.from(Array.from({ length: 32 }, (_, index) => index * 7)).toString("base64url") }] };
const whole = (changes: Readonly<Record<string, unknown>> = {}) => ({
  database: { file: "cambio.sqlite" },
  sealing,
  "providers/discord": discord,
  "clients/page": page(),
  "clients/worker": worker(),
  ...changes,
});
const postgres = { url: "postgres://cambio:secret-of-the-database@db.example/cambio" };

describe("connections", () => {
  it("are kept for a client that says so, and used by a service that lists it", () => {
    const { clients, vault } = load({ text: exampleWith(whole()) });
    expect(clients["page"]?.providers["discord"]?.connections).toBe(true);
    expect(clients["worker"]?.providers["discord"]?.connections_of).toEqual(["page"]);
    expect(vault).toEqual({ connection_idle: 2_592_000_000, in_doubt: 600_000 });
  });

  it("need a spool, which a SQLite file has beside it and PostgreSQL has not", () => {
    expect(load({ text: exampleWith(whole({ database: postgres, vault: { spool: "./spool" } })) }).vault.spool).toMatch(/spool$/);
  });
});

describe("what is found about connections", () => {
  const kept = "clients.page.providers.discord.connections";
  const used = "clients.worker.providers.discord.connections_of";
  const another = (more: object) => ({ ...page({ connections: false, redirect_uris: [], ...more }), methods: ["Refresh"] });
  expectOnlyMistake([
    { name: "PostgreSQL without a spool", changes: whole({ database: postgres }), path: kept, words: "needs a spool" },
    {
      name: "a provider whose users have no accounts",
      changes: whole({ "providers/discord": { ...discord, accounts: false } }),
      path: kept,
      words: "accounts: true",
    },
    {
      name: "a client without sign-ins there",
      changes: whole({ "clients/page": { ...page({ redirect_uris: [] }), methods: ["Refresh"] } }),
      path: kept,
      words: "keeps sign-ins",
    },
    {
      name: "a client that keeps none",
      changes: whole({ "clients/page": page({ connections: false }) }),
      path: `${used}.0`,
      words: "makes no connections",
    },
    {
      name: "a client that does not exist",
      changes: whole({ "clients/worker": worker({ providers: { discord: { connections_of: ["nobody"] } } }) }),
      path: `${used}.0`,
      words: "names none of the configured clients",
    },
    {
      name: "a page that is to use another's",
      changes: whole({ "clients/other": another({ connections_of: ["page"] }) }),
      path: "clients.other.providers.discord.connections_of",
      words: "is not for a browser client",
    },
    {
      name: "a provider that keeps sessions",
      changes: whole({
        "providers/site": { kind: "better-auth", issuer: "https://app.example.com" },
        "clients/other": { ...another({}), providers: { site: { connections: true } } },
      }),
      path: "clients.other.providers.site.connections",
      words: "keeps sessions",
    },
    {
      name: "a route whose answer names none",
      changes: whole({
        "providers/discord": { ...discord, pkce: "S256" },
        routes: { exchange: [{ path: "/api/auth/exchange", client: "page", provider: "discord" }] },
      }),
      path: "routes.exchange.0.client",
      words: "kept as connections",
    },
    {
      name: "GetAccount without a provider",
      changes: whole({ "clients/other": { kind: "native", methods: ["GetAccount"] } }),
      path: "clients.other.methods.0",
      words: "needs a provider",
    },
  ]);
});
