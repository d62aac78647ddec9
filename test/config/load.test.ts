import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { maxFileBytes } from "../../src/config/load.ts";
import { oauthProvider } from "../support/oauth-provider.ts";
import { environment, exampleText, exampleWith, failureOf, load } from "./given.ts";

const parameters = (changes: Readonly<Record<string, unknown>>) =>
  ["main", "corporate"].map((name) => oauthProvider(load({ text: exampleWith(changes) }), name).target_parameter);

describe("a configuration that is right", () => {
  it("is the committed example with nothing but its secrets set", () => {
    const configuration = load();
    expect(Object.keys(configuration.providers)).toEqual(["main", "corporate"]);
    expect(Object.keys(configuration.clients)).toEqual(["web", "cli", "orders", "backend"]);
    expect(configuration.server).toMatchObject({ host: "127.0.0.1", port: 8080, reflection: true, deadline: 15_000, drain: 25_000 });
    expect(configuration.routes.exchange).toEqual([{ path: "/api/auth/exchange", client: "web", provider: "main" }]);
    expect(configuration.sealing?.keys[0]?.key.export().toString("base64url")).toBe(environment["CAMBIO_SEALING_KEY"]);
  });

  it("takes every value of the example that differs by place from the environment", () => {
    const configuration = load({
      env: {
        PORT: "0",
        CAMBIO_ISSUER: "http://localhost:3000",
        CAMBIO_CLIENT_ID: "other",
        WEB_ORIGIN: "http://localhost:4000",
        WEB_REDIRECT_URI: "http://localhost:4000/cb",
        BACKEND_REDIRECT_URI: "http://localhost:4001/cb",
        ORDERS_AUDIENCE: "urn:orders",
        LOG_LEVEL: "error",
      },
    });
    expect(configuration.server.port).toBe(0);
    expect(configuration.log.level).toBe("error");
    expect(configuration.providers["main"]).toMatchObject({ issuer: "http://localhost:3000", client: { id: "other" } });
    expect(configuration.audiences["orders"]?.accepts["main"]).toMatchObject({ identifiers: ["urn:orders"], clients: ["other"] });
    expect(configuration.clients["web"]?.origins).toEqual(["http://localhost:4000"]);
    expect(configuration.clients["web"]?.providers["main"]?.redirect_uris).toEqual(["http://localhost:4000/cb"]);
    expect(configuration.clients["backend"]?.providers["main"]?.redirect_uris).toEqual(["http://localhost:4001/cb"]);
  });

  it("is complete: token rules of a kind and raw refresh tokens are filled in", () => {
    const configuration = load();
    const { clients } = configuration;
    const [main, corporate] = ["main", "corporate"].map((name) => oauthProvider(configuration, name).tokens);
    expect(main).toMatchObject({
      algorithms: ["RS256", "ES256"],
      header_types: ["at+jwt"],
      client_claims: ["client_id"],
    });
    expect(main?.payload_type).toBeUndefined();
    expect(corporate).toMatchObject({ header_types: ["JWT"], payload_type: "Bearer", client_claims: ["azp"] });
    expect(Object.entries(clients).map(([id, client]) => [id, client.raw_refresh_tokens])).toEqual([
      ["web", false],
      ["cli", false],
      ["orders", true],
      ["backend", true],
    ]);
  });

  it("names whom a new token is for by the parameter of the provider's kind, or by the one that is written", () => {
    expect(parameters({})).toEqual(["resource", "audience"]);
    expect(parameters({ "providers/main/target_parameter": "audience", "providers/corporate/target_parameter": "resource" })).toEqual([
      "audience",
      "resource",
    ]);
  });

  it("has no introspection, no exchange and no refresh tokens out of one that nobody wrote down", () => {
    const configuration = load();
    const { audiences, clients } = configuration;
    expect(["main", "corporate"].map((name) => oauthProvider(configuration, name).introspection)).toEqual(["none", "none"]);
    expect(Object.values(audiences).flatMap(({ accepts }) => Object.values(accepts).map((rule) => rule.exchange_as))).toEqual([
      undefined,
      undefined,
    ]);
    const grants = Object.values(clients).flatMap((client) => Object.values(client.providers));
    expect(new Set(grants.map((grant) => grant.exchanged_refresh_tokens))).toEqual(new Set([false]));
  });

  it("keeps token rules that are written over those of the kind", () => {
    const rules = { algorithms: ["PS256"], header_types: ["JWT", "at+jwt"], payload_type: "access", client_claims: ["azp", "client_id"] };
    expect(oauthProvider(load({ text: exampleWith({ "providers/main/tokens": rules }) }), "main").tokens).toMatchObject(rules);
  });

  it("cannot be changed, however deep", () => {
    const notFrozen: string[] = [];
    const visit = (value: unknown, path: string): void => {
      if (typeof value !== "object" || value === null) return;
      if (!Object.isFrozen(value)) notFrozen.push(path);
      for (const [key, inner] of Object.entries(value)) visit(inner, `${path}.${key}`);
    };
    visit(load(), "configuration");
    expect(notFrozen).toEqual([]);
  });

  it("does not share its defaults with another one", () => {
    expect(oauthProvider(load(), "main").endpoints).not.toBe(oauthProvider(load(), "main").endpoints);
  });

  it("reads a key with nothing behind it as absent", () => {
    expect(load({ text: exampleWith({ server: null, log: null, redis: null, "providers/main/tokens": null }) }).log.level).toBe("info");
  });
});

describe("the platform's own variables", () => {
  const open = exampleWith({ "server/port": undefined });

  it.each([
    ["PORT fills an absent server.port", open, { PORT: "9000" }, 9000],
    ["PORT fills it where there is no server at all", exampleWith({ server: undefined }), { PORT: "9000" }, 9000],
    ["an empty PORT counts as absent", open, { PORT: "" }, 8080],
    ["a written server.port wins", exampleWith({ "server/port": 7000 }), { PORT: "9000" }, 7000],
  ])("%s", (_name, text, env, port) => {
    expect(load({ text, env }).server.port).toBe(port);
  });

  it("REDIS_URL fills an absent redis.url, and a written one wins", () => {
    const env = { REDIS_URL: "redis://from-environment:6379" };
    expect(load({ env }).redis?.target).toMatchObject({ host: "from-environment" });
    expect(load({ text: exampleWith({ "redis/url": "redis://written:6379" }), env }).redis?.target).toMatchObject({ host: "written" });
    expect(load().redis).toBeUndefined();
  });

  it.each([
    ["Sentinels", "sentinel", { master: "main", nodes: ["sentinel-1:26379"] }],
    ["a Cluster", "cluster", { nodes: ["redis-1:6379"] }],
  ])("REDIS_URL is not looked at where %s are given", (_name, kind, given) => {
    const env = { REDIS_URL: "redis://from-environment:6379" };
    expect(load({ text: exampleWith({ redis: { [kind]: given } }), env }).redis?.target).toMatchObject({ kind });
  });

  it.each(["0x50", "80.5", "eighty", " 80", "-1", "65536", "1e3"])("PORT=%s is a mistake", (port) => {
    expect(failureOf({ text: open, env: { PORT: port } }).mistakes).toMatchObject([{ path: "server.port" }]);
  });
});

describe("secrets from files", () => {
  const cases: readonly [
    name: string,
    changes: Record<string, unknown>,
    read: (configuration: ReturnType<typeof load>) => string | undefined,
  ][] = [
    [
      "secret_file",
      { "providers/main/client/secret": undefined, "providers/main/client/secret_file": "/run/s" },
      (c) => oauthProvider(c, "main").client.secret?.reveal(),
    ],
    ["key_file", { "sealing/keys": [{ id: "1", key_file: "/run/s" }] }, (c) => c.sealing?.keys[0]?.key.export().toString("base64url")],
    [
      "{ file } in a list",
      { "clients/orders/secrets": ["another-secret-here", { file: "/run/s" }] },
      (c) => c.clients["orders"]?.secrets[1]?.reveal(),
    ],
    [
      "a path with a reference",
      { "clients/orders/secrets": [{ file: "${RUN:-/run}/s" }] },
      (c) => c.clients["orders"]?.secrets[0]?.reveal(),
    ],
  ];
  const contents: Record<string, string> = { key_file: environment["CAMBIO_SEALING_KEY"] ?? "" };

  it.each(cases)("%s: one newline at the end is not part of the secret", (name, changes, read) => {
    const content = contents[name] ?? "secret-from-a-file";
    for (const end of ["", "\n", "\r\n"]) {
      expect(read(load({ text: exampleWith(changes), files: { "/run/s": `${content}${end}` } }))).toBe(content);
    }
  });

  it("url_file holds the address of Redis", () => {
    const files = { "/run/s": "redis://user:password@redis:6379/2\n" };
    const address = load({ text: exampleWith({ "redis/url_file": "/run/s" }), files }).redis?.target;
    expect(address).toMatchObject({ host: "redis", port: 6379, username: "user", db: 2 });
    expect(address?.password?.reveal()).toBe("password");
  });

  it("keeps a second newline, and a reference in a file is not one", () => {
    const text = exampleWith({ "clients/orders/secrets": [{ file: "s" }] });
    const written = ["sixteen characters\n\n", "a secret with ${BACKEND_SECRET}"];
    const read = written.map((content) => load({ text, files: { "/etc/cambio/s": content } }).clients["orders"]?.secrets[0]?.reveal());
    expect(read).toEqual(["sixteen characters\n", "a secret with ${BACKEND_SECRET}"]);
  });
});

describe("bounds and robustness", () => {
  it("refuses a file of more than one mebibyte", () => {
    expect(failureOf({ text: `${exampleText}\n#${"x".repeat(maxFileBytes)}` }).message).toContain("too long");
  });

  it.each(["", "# nothing", "null", "[]", "text", "42"])("refuses %j, which is no map", (text) => {
    expect(failureOf({ text }).message).toBe(
      "/etc/cambio/cambio.yaml: 1 mistake\n  the file is not a map of keys\n    Start from cambio.example.yaml.",
    );
  });

  it("answers any text with a configuration or with mistakes, never with another exception", () => {
    const lines = exampleText.split("\n");
    const slice = fc
      .tuple(fc.nat(lines.length), fc.nat(lines.length))
      .map(([from, to]) => lines.slice(Math.min(from, to), Math.max(from, to)).join("\n"));
    const noise = fc.constantFrom(
      "",
      "\n",
      "- ",
      "  ",
      "{",
      "}",
      "[",
      "]",
      ": ",
      "*a",
      "&a ",
      "!t ",
      "null",
      "'",
      '"',
      "|\n",
      "%YAML 1.1\n---\n",
      "<<: *a",
      "1",
      "${",
      "}",
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(slice, noise, fc.string()), { maxLength: 6 }), (parts) => {
        let outcome = "accepted";
        try {
          load({ text: parts.join("") });
        } catch (error) {
          outcome = (error as Error).name;
        }
        expect(["accepted", "ConfigurationError"]).toContain(outcome);
      }),
      { numRuns: 200 },
    );
  });
});
