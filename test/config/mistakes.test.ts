import { describe, expect, it } from "vitest";
import { exampleText, exampleWith, failureOf, load } from "./given.ts";

describe("what is no mistake", () => {
  it.each([
    ["plain http to loopback", { "providers/main/issuer": "http://127.0.0.2:3000" }],
    ["plain http to loopback by IPv6", { "providers/main/issuer": "http://[::1]:3000/a" }],
    ["plain http where it is allowed", { "providers/main/issuer": "http://kc:8080/realms/a", "providers/main/allow_http": true }],
    [
      "a private-use scheme of a native client",
      { "clients/cli/providers/main/redirect_uris": ["com.example.app:/callback", "https://app.example.com/cb"] },
    ],
    ["a service that only refreshes", { "clients/backend/methods": ["Refresh"], "clients/backend/providers/main/redirect_uris": [] }],
    ["a service on a loopback address of its own", { "clients/backend/providers/main/redirect_uris": ["http://127.0.0.2:3000/cb"] }],
    ["a service's secret that must be form-encoded", { "clients/orders/secrets": ["sixteen+letters%or:more"] }],
    ["a provider without PKCE that no route uses", { "providers/corporate/pkce": "none" }],
    ["a public registration at the provider", { "providers/main/client": { id: "x", authentication: "none" } }],
    [
      "a service that only exchanges the tokens it received",
      {
        "audiences/orders/accepts/main/exchange_as": { id: "orders", secret: "${ORDERS_SECRET}" },
        "clients/backend/methods": ["Exchange"],
        "clients/backend/audiences": ["orders"],
        "clients/backend/providers/main/redirect_uris": [],
      },
    ],
    [
      "refresh tokens out of exchanges, with a database",
      { "database/file": "/var/lib/cambio.sqlite", "clients/backend/providers/main/exchanged_refresh_tokens": true },
    ],
    [
      "introspection at an address of its own",
      { "providers/main/introspection": "every", "providers/main/endpoints/introspection": "https://login.example.com/i" },
    ],
    ["a plain ${ written as $${", { "clients/orders/secrets": ["sixteen-$${letters}-or-more"] }],
  ])("%s", (_name, changes) => {
    expect(() => load({ text: exampleWith(changes) })).not.toThrow();
  });
});

describe("all mistakes at once", () => {
  it("those of environment, schema and rules together, each with its line, in the order of the file", () => {
    const text = exampleText
      .replace("timeout: 10s", "timeout: soon")
      .replace("clients: [storefront]", "clients: storefront")
      .replace('origins: ["${WEB_ORIGIN:-http://localhost:5173}"]', "origins: []")
      .replace("host: ${CAMBIO_HOST:-127.0.0.1}", "hots: x")
      .replace('redirect_uris: ["http://127.0.0.1/callback"]', 'redirect_uris: ["http://10.1.1.1/callback"]')
      .replace("key: ${CAMBIO_SEALING_KEY}", "key: short")
      .replace("client: web", "client: nobody");
    const { mistakes } = failureOf({ text, env: { BACKEND_SECRET: undefined } });
    const lineOf = (part: string) => text.split("\n").findIndex((line) => line.includes(part)) + 1;
    expect(mistakes.map(({ path, line }) => [path, line])).toEqual([
      ["server.hots", lineOf("hots: x")],
      ["sealing.keys.0.key", lineOf("key: short")],
      ["providers.main.timeout", lineOf("timeout: soon")],
      ["audiences.orders.accepts.corporate.clients", lineOf("clients: storefront")],
      ["clients.web.origins", lineOf("origins: []")],
      ["clients.cli.providers.main.redirect_uris.0", lineOf("10.1.1.1")],
      ["clients.backend.secrets.0", lineOf("${BACKEND_SECRET}")],
      ["routes.exchange.0.client", lineOf("client: nobody")],
    ]);
  });

  it("an address of Redis that is wrong does not hide that its keys are missing", () => {
    const { mistakes } = failureOf({ text: exampleWith({ sealing: undefined, "redis/url": "redis:6379" }) });
    expect(mistakes.map(({ path }) => path).toSorted()).toEqual(["redis.url", "sealing"]);
  });

  it("an entry that is wrong itself is not also called missing by those who name it", () => {
    const { mistakes } = failureOf({
      text: exampleWith({ "providers/main/kind": "googel", "clients/web/kind": "page", "audiences/orders/accepts/main/clients": 1 }),
    });
    expect(mistakes.map(({ path }) => path)).toEqual(["providers.main.kind", "audiences.orders.accepts.main.clients", "clients.web.kind"]);
  });

  it("a secret that is missing is not also called too short, and what lies around it is still checked", () => {
    const { mistakes } = failureOf({
      text: exampleWith({ "redis/url_file": "nowhere", "clients/orders/audiences": ["billing"] }),
      env: { ORDERS_SECRET: undefined, CAMBIO_SEALING_KEY: undefined },
    });
    expect(mistakes.map(({ path }) => path)).toEqual([
      "sealing.keys.0.key",
      "clients.orders.secrets.0",
      "clients.orders.audiences.0",
      "redis.url_file",
    ]);
  });
});
