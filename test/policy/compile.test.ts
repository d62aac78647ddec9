import { describe, expect, it } from "vitest";
import { configurationSchema } from "../../src/config/schema.ts";
import { canRevoke, compilePolicy } from "../../src/policy/compile.ts";

const written = {
  providers: {},
  audiences: {
    orders: { accepts: { main: { identifiers: ["https://orders.example", "urn:orders"], clients: ["web", "tool"], report_only: true } } },
    closed: { accepts: {} },
    exchanging: {
      accepts: { main: { identifiers: ["x"], clients: [], exchange_as: { id: "x-client", secret: "secret-of-the-x-client" } } },
    },
  },
  clients: {
    page: {
      kind: "browser",
      origins: ["https://app.example", "https://second.example"],
      methods: ["Exchange", "Refresh"],
      providers: {
        main: {
          redirect_uris: ["https://app.example/callback"],
          scopes: ["openid"],
          audiences: ["orders"],
          max_lifetime: "5m",
          exchanged_refresh_tokens: true,
        },
      },
      report_only: ["scopes", "max_lifetime"],
      disabled: true,
    },
    tool: { kind: "native", methods: ["CreateAuthorizationUrl"], raw_refresh_tokens: true },
    orders: { kind: "service", secrets: ["0123456789abcdef"], methods: ["ValidateCrossClient"], audiences: ["orders"] },
    strict: { kind: "service", raw_refresh_tokens: false },
    idle: { kind: "browser" },
  },
};

const policy = compilePolicy(configurationSchema.parse(written));

describe("the compiled policy", () => {
  it("says of a client exactly what is written", () => {
    expect(policy.clients.get("page")).toEqual({
      id: "page",
      kind: "browser",
      origins: new Set(["https://app.example", "https://second.example"]),
      methods: new Set(["Exchange", "Refresh"]),
      providers: new Map([
        [
          "main",
          {
            redirectUris: ["https://app.example/callback"],
            scopes: ["openid"],
            audiences: ["orders"],
            maxLifetimeMs: 300_000,
            exchangedRefreshTokens: true,
            connections: false,
            connectionsOf: new Set(),
          },
        ],
      ]),
      audiences: [],
      rawRefreshTokens: false,
      disabled: true,
      reportOnly: new Set(["scopes", "max_lifetime"]),
    });
  });

  it("says of an audience exactly what is written, and of a closed one that it takes nothing", () => {
    expect(policy.audiences.get("orders")).toEqual(
      new Map([["main", { identifiers: ["https://orders.example", "urn:orders"], clients: new Set(["web", "tool"]), reportOnly: true }]]),
    );
    expect(policy.audiences.get("closed")).toEqual(new Map());
  });

  it("knows by which client of the provider an audience exchanges its tokens, and not that client's secret", () => {
    expect(policy.audiences.get("exchanging")?.get("main")).toEqual({
      identifiers: ["x"],
      clients: new Set(),
      reportOnly: false,
      exchangeAs: "x-client",
    });
  });

  it("turns what is absent into nothing allowed", () => {
    expect(policy.clients.get("idle")).toEqual({
      id: "idle",
      kind: "browser",
      origins: new Set(),
      methods: new Set(),
      providers: new Map(),
      audiences: [],
      rawRefreshTokens: false,
      disabled: false,
      reportOnly: new Set(),
    });
  });

  it("of a grant without a longest life leaves that to the provider", () => {
    const { clients } = compilePolicy(
      configurationSchema.parse({ ...written, clients: { tool: { kind: "native", providers: { main: {} } } } }),
    );
    expect(clients.get("tool")?.providers.get("main")).toEqual({
      redirectUris: [],
      scopes: [],
      audiences: [],
      maxLifetimeMs: undefined,
      exchangedRefreshTokens: false,
      connections: false,
      connectionsOf: new Set(),
    });
  });

  it.each([
    ["page", false],
    ["tool", true],
    ["orders", true],
    ["strict", false],
  ])("gives raw refresh tokens to services and to whom it is said: %s → %j", (id, raw) => {
    expect(policy.clients.get(id)?.rawRefreshTokens).toBe(raw);
  });

  it("opens for anonymous callers only what a public client may call, not what services may", () => {
    expect(policy.publicMethods).toEqual(new Set(["Exchange", "Refresh", "CreateAuthorizationUrl"]));
  });

  it("opens every method that could name a public client while that client's list of methods is on trial", () => {
    const tried = { tool: { kind: "native", methods: ["Exchange"], report_only: ["methods"] } };
    expect(compilePolicy(configurationSchema.parse({ ...written, clients: tried })).publicMethods).toEqual(
      new Set(["Exchange", "Refresh", "CreateAuthorizationUrl", "Revoke", "GetAccount"]),
    );
    const service = { orders: { kind: "service", report_only: ["methods"] } };
    expect(compilePolicy(configurationSchema.parse({ ...written, clients: service })).publicMethods).toEqual(new Set());
  });

  it("knows the origins of all public clients", () => {
    expect(policy.origins).toEqual(new Set(["https://app.example", "https://second.example"]));
  });

  it("of an empty configuration allows nothing to nobody", () => {
    const empty = compilePolicy({ clients: {}, audiences: {} });
    expect([empty.clients.size, empty.audiences.size, empty.publicMethods.size, empty.origins.size]).toEqual([0, 0, 0, 0]);
  });

  it("knows no client and no audience that every object has as a property", () => {
    for (const name of ["__proto__", "constructor", "toString"]) {
      expect([policy.clients.get(name), policy.audiences.get(name)]).toEqual([undefined, undefined]);
    }
  });
});

const clientsOf = (client: object) => configurationSchema.parse({ ...written, clients: { one: { kind: "native" }, two: client } });

describe("whether anybody can end a token", () => {
  it.each([
    ["a client lists Revoke", { kind: "native", methods: ["Exchange", "Revoke"] }, true],
    ["a list of methods is on trial, which lets Revoke pass", { kind: "native", methods: ["Exchange"], report_only: ["methods"] }, true],
    ["another rule is on trial", { kind: "native", methods: ["Exchange"], report_only: ["scopes"] }, false],
    ["nobody lists it", { kind: "service", methods: ["Exchange", "Refresh"] }, false],
  ])("where %s: %#", (_name, client, expected) => {
    expect(canRevoke(clientsOf(client))).toBe(expected);
  });
});
