import { describe } from "vitest";
import { exampleText, expectOnlyMistake } from "./given.ts";

describe("what the schema finds", () => {
  expectOnlyMistake([
    { name: "unknown key", changes: { "providers/main/isuer": "x" }, path: "providers.main.isuer", words: "not a known key" },
    { name: "unknown key at the top", changes: { provider: {} }, path: "provider", words: "providers" },
    { name: "missing key", changes: { "providers/main/issuer": undefined }, path: "providers.main.issuer", words: "is missing" },
    { name: "missing section", changes: { clients: undefined, routes: undefined }, path: "clients", words: "is missing" },
    { name: "wrong type", changes: { "server/reflection": "yes" }, path: "server.reflection", words: "Write true or false" },
    {
      name: "number where a text belongs",
      changes: { "providers/main/client/id": 42 },
      path: "providers.main.client.id",
      words: "in quotes",
    },
    { name: "list where a map belongs", changes: { routes: [] }, path: "routes", words: "a map of keys" },
    { name: "value outside a choice", changes: { "providers/main/kind": "googel" }, path: "providers.main.kind", words: "oidc, keycloak" },
    {
      name: "unknown method",
      changes: { "clients/orders/methods": ["Validate"] },
      path: "clients.orders.methods.0",
      words: "ValidateCrossClient",
    },
    { name: "duration without a unit", changes: { "providers/main/timeout": "10" }, path: "providers.main.timeout", words: "250ms" },
    {
      name: "duration out of range",
      changes: { "providers/main/timeout": "2m" },
      path: "providers.main.timeout",
      words: "from 100ms to 1m",
    },
    { name: "port out of range", changes: { "server/port": 70_000 }, path: "server.port", words: "65535 at most" },
    { name: "empty list", changes: { "sealing/keys": [] }, path: "sealing.keys", words: "1 entries or more" },
    {
      name: "three secrets",
      changes: { "clients/orders/secrets": ["a", "b", "c"].map((x) => x.repeat(20)) },
      path: "clients.orders.secrets",
      words: "2 entries at most",
    },
    {
      name: "name that is none",
      changes: { "audiences/my audience": { accepts: {} } },
      path: "audiences.(unprintable)",
      words: "not a possible name",
    },
    {
      name: "entry named __proto__",
      text: exampleText.replace("  orders:\n    accepts:", "  __proto__: { accepts: {} }\n  orders:\n    accepts:"),
      path: "audiences",
      words: "__proto__",
    },
    { name: "name with nothing behind it", changes: { "audiences/billing": null }, path: "audiences.billing", words: "a map of keys" },
    {
      name: "origin with a path",
      changes: { "clients/web/origins": ["https://app.example.com/"] },
      path: "clients.web.origins.0",
      words: "host and port only",
    },
    { name: "the origin null", changes: { "clients/web/origins": ["null"] }, path: "clients.web.origins.0", words: "host and port only" },
    { name: "the origin *", changes: { "clients/web/origins": ["*"] }, path: "clients.web.origins.0", words: "host and port only" },
    {
      name: "issuer that is no address",
      changes: { "providers/main/issuer": "login.example.com" },
      path: "providers.main.issuer",
      words: "absolute http",
    },
    {
      name: "issuer with a query",
      changes: { "providers/main/issuer": "https://a.example/?x=1" },
      path: "providers.main.issuer",
      words: "no query",
    },
    {
      name: "address with a password",
      changes: { "providers/main/back_channel_url": "https://u:p@a.example" },
      path: "providers.main.back_channel_url",
      words: "user name and password",
    },
    {
      name: "redirect URI with a fragment",
      changes: { "clients/web/providers/main/redirect_uris": ["https://a.example/#x"] },
      path: "clients.web.providers.main.redirect_uris.0",
      words: "without a fragment",
    },
    {
      name: "scope with a space",
      changes: { "clients/web/providers/main/scopes": ["openid email"] },
      path: "clients.web.providers.main.scopes.0",
      words: "without spaces",
    },
    {
      name: "route path without a slash",
      changes: { "routes/exchange/0/path": "api" },
      path: "routes.exchange.0.path",
      words: "Start with a slash",
    },
  ]);
});
