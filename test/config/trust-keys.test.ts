import { describe, expect, it } from "vitest";
import { exampleWith, expectOnlyMistake, load } from "./given.ts";

const withChanges = (changes: Readonly<Record<string, unknown>>, env: Readonly<Record<string, string>> = {}) =>
  load({ text: exampleWith(changes), env });

describe("what is left out", () => {
  it("is as strict as it can be, and no client is disabled or on trial", () => {
    const { clients, audiences, server, workload_issuers: platforms } = load();
    for (const client of Object.values(clients)) {
      expect(client).toMatchObject({ disabled: false, report_only: [], certificates: [], workloads: [] });
      expect(client.rate_limit).toBeUndefined();
    }
    for (const { accepts } of Object.values(audiences)) {
      for (const rule of Object.values(accepts)) expect(rule.report_only).toBe(false);
    }
    expect([server.trusted_proxies, platforms]).toEqual([[], {}]);
  });

  it("is no database, the audit trail on standard output, and limits for everybody", () => {
    const { database, audit, limits, revocation_lag: lag } = load();
    expect([database, audit.file, lag]).toEqual([undefined, undefined, 5_000]);
    expect(limits).toEqual({
      services: 1_000,
      public_clients: 20,
      addresses: 50,
      concurrent_calls: 1_000,
      client_failures: 2_000,
      address_failures: 50,
      provider_failures: 5_000,
    });
  });
});

describe("a database", () => {
  it.each([
    ["a file, brought up to date at start", { file: "cambio.db" }, true],
    ["an address, brought up to date by hand", { url: "postgres://h/db" }, false],
    ["a file that is brought up to date by hand", { file: "cambio.db", migrate_at_start: false }, false],
    ["an address that is brought up to date at start", { url: "postgres://h/db", migrate_at_start: true }, true],
  ])("is %s", (_name, database, migrates) => {
    expect(withChanges({ database }).database).toMatchObject({ migrate_at_start: migrates, handle_idle: 2_592_000_000 });
  });

  it("is what DATABASE_URL says where the file leaves it open, and only there", () => {
    const env = { DATABASE_URL: "postgres://user:secret@from-environment/db" };
    expect(load({ env }).database?.location).toMatchObject({ kind: "postgres", address: { host: "from-environment" } });
    expect(withChanges({ "database/handle_idle": "1h" }, env).database).toMatchObject({
      location: { address: { host: "from-environment" } },
      handle_idle: 3_600_000,
    });
    expect(withChanges({ database: { url: "postgres://h/db" } }, env).database?.location).toMatchObject({ address: { host: "h" } });
    expect(withChanges({ database: { file: "/cambio.db" } }, env).database?.location).toEqual({ kind: "sqlite", file: "/cambio.db" });
  });

  it("lies beside the configuration file where its path is relative, and so do the audit trail and the spool", () => {
    const files = { database: { file: "cambio.db" }, audit: { file: "audit.jsonl" }, vault: { spool: "spool" } };
    const { database, audit, vault } = withChanges(files);
    expect(database?.location).toEqual({ kind: "sqlite", file: "/etc/cambio/cambio.db" });
    expect(audit.file).toBe("/etc/cambio/audit.jsonl");
    expect(vault.spool).toBe("/etc/cambio/spool");
  });
});

describe("what is found about stores, limits and policy", () => {
  expectOnlyMistake([
    { name: "database that is nowhere", changes: { database: { handle_idle: "24h" } }, path: "database", words: "one of url and file" },
    {
      name: "database in two places",
      changes: { database: { url: "postgres://h/db", file: "cambio.db" } },
      path: "database",
      words: "one of url and file",
    },
    {
      name: "database without a key that outlives the process",
      changes: { database: { file: "cambio.db" }, sealing: null },
      path: "sealing",
      words: "although there is a database",
    },
    {
      name: "database without a key, named by the environment",
      changes: { sealing: null },
      env: { DATABASE_URL: "postgres://h/db" },
      path: "sealing",
      words: "although there is a database",
    },
    {
      name: "database address that encrypts for whoever answers",
      changes: { database: { url: "postgres://h/db?sslmode=require" } },
      path: "database.url",
      words: "verify-full",
    },
    {
      name: "one address that could pause a client for all others",
      changes: { limits: { client_failures: 50 } },
      path: "limits.address_failures",
      words: "a tenth of client_failures",
    },
    { name: "limit of nothing", changes: { limits: { services: 0 } }, path: "limits.services", words: "services" },
    { name: "client's limit of nothing", changes: { "clients/web/rate_limit": 0 }, path: "clients.web.rate_limit", words: "rate_limit" },
    { name: "revocations that may be old", changes: { revocation_lag: "10m" }, path: "revocation_lag", words: "from 1s to 1m" },
    { name: "audit file that is set aside at once", changes: { audit: { rotate_bytes: 1 } }, path: "audit.rotate_bytes", words: "65" },
    {
      name: "trial of a rule that always counts",
      changes: { "clients/web/report_only": ["origins"] },
      path: "clients.web.report_only.0",
      words: "methods",
    },
    {
      name: "client that is disabled by a word",
      changes: { "clients/web/disabled": "yes" },
      path: "clients.web.disabled",
      words: "true or false",
    },
    {
      name: "life that is shorter than any token's",
      changes: { "clients/web/providers/main/max_lifetime": "1s" },
      path: "clients.web.providers.main.max_lifetime",
      words: "from 1m",
    },
    ...["10.0.0.0/33", "10.0.0.256", "proxy.internal", "10.0.0.0/8/8", "10.0.0.0/", "::1/129", "*"].map((network) => ({
      name: `proxy ${network}, which is no network`,
      changes: { "server/trusted_proxies": ["127.0.0.1", network] },
      path: "server.trusted_proxies.1",
      words: "an address or a network",
    })),
    ...["*.internal", "orders..internal", "-".repeat(64), "a b", ""].map((dns) => ({
      name: `certificate name ${JSON.stringify(dns)}, which is no exact name`,
      changes: {
        "clients/orders/certificates": [{ dns }],
      },
      path: "clients.orders.certificates.0.dns",
      words: "host name, without a wildcard",
    })),
  ]);
});

describe("Revoke", () => {
  it("needs no redirect URI, as nobody is sent anywhere", () => {
    const orders = { kind: "service", secrets: ["${ORDERS_SECRET}"], methods: ["Revoke"], providers: { main: {} } };
    expect(() => withChanges({ "clients/orders": orders })).not.toThrow();
  });

  expectOnlyMistake([
    {
      name: "without a provider could end nothing",
      changes: { "clients/orders/methods": ["ValidateCrossClient", "Revoke"] },
      path: "clients.orders.methods.1",
      words: "needs a provider",
    },
  ]);
});
