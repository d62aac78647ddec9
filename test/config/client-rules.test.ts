import { describe } from "vitest";
import { expectOnlyMistake } from "./given.ts";
import type { MistakeRow } from "./given.ts";

describe("what the rules of clients and routes find", () => {
  expectOnlyMistake([
    {
      name: "browser without an origin",
      changes: { "clients/web/origins": undefined },
      path: "clients.web.origins",
      words: "known by its origin",
    },
    {
      name: "native with origins",
      changes: { "clients/cli/origins": ["https://app.example.com"] },
      path: "clients.cli.origins",
      words: "not for a native",
    },
    {
      name: "service with origins",
      changes: { "clients/orders/origins": ["https://app.example.com"] },
      path: "clients.orders.origins",
      words: "not for a service",
    },
    {
      name: "redirect URI under two providers, of which one could pass on the other's codes",
      changes: { "clients/web/providers/corporate": { redirect_uris: ["http://localhost:5173/callback"] } },
      path: "clients.web.providers.corporate.redirect_uris.0",
      words: "stands under main as well",
    },
    {
      name: "redirect URI under two providers, spelled another way",
      changes: { "clients/web/providers/corporate": { redirect_uris: ["http://LOCALHOST:5173/x/../callback"] } },
      path: "clients.web.providers.corporate.redirect_uris.0",
      words: "stands under main as well",
    },
    {
      name: "native loopback address under two providers, with a port of its own",
      changes: { "clients/cli/providers/corporate": { redirect_uris: ["http://127.0.0.1:1455/callback"] } },
      path: "clients.cli.providers.corporate.redirect_uris.0",
      words: "stands under main as well",
    },
    {
      name: "client of an unknown provider",
      changes: { "clients/backend/providers/elsewhere": {} },
      path: "clients.backend.providers.elsewhere",
      words: "main, corporate",
    },
    {
      name: "client of what every object inherits",
      changes: { "clients/backend/providers/constructor": {} },
      path: "clients.backend.providers.constructor",
      words: "main, corporate",
    },
    {
      name: "own audience that is unknown",
      changes: { "clients/orders/audiences": ["orders", "billing"] },
      path: "clients.orders.audiences.1",
      words: "none of the configured audiences",
    },
    {
      name: "target audience that is unknown",
      changes: { "clients/web/providers/main/audiences": ["billing"] },
      path: "clients.web.providers.main.audiences.0",
      words: "none of the configured audiences",
    },
    {
      name: "target audience of another provider",
      changes: {
        "audiences/orders/accepts/main": undefined,
        "clients/web/providers/main/audiences": ["orders"],
        "clients/cli/providers/main/audiences": [],
        "clients/backend/providers/main/audiences": [],
      },
      path: "clients.web.providers.main.audiences.0",
      words: "accepts.main",
    },
    {
      name: "Exchange without a redirect URI",
      changes: { "clients/backend/methods": ["Exchange"], "clients/backend/providers/main/redirect_uris": [] },
      path: "clients.backend.methods.0",
      words: "redirect URI",
    },
    {
      name: "Exchange without a redirect URI, of a client whose own audience exchanges at another provider than its own",
      changes: {
        "audiences/orders/accepts/corporate/exchange_as": { id: "orders", secret: "${BACKEND_SECRET}" },
        "clients/backend/methods": ["Exchange"],
        "clients/backend/providers/main/redirect_uris": [],
        "clients/backend/audiences": ["orders"],
      },
      path: "clients.backend.methods.0",
      words: "redirect URI",
    },
    {
      name: "Exchange without a redirect URI, of a client to whom the audience that exchanges is no own one",
      changes: {
        "audiences/orders/accepts/main/exchange_as": { id: "orders", secret: "${BACKEND_SECRET}" },
        "clients/backend/methods": ["Exchange"],
        "clients/backend/providers/main/redirect_uris": [],
      },
      path: "clients.backend.methods.0",
      words: "redirect URI",
    },
    {
      name: "refresh tokens out of exchanges without a database, which could never be ended",
      changes: { "clients/backend/providers/main/exchanged_refresh_tokens": true },
      path: "clients.backend.providers.main.exchanged_refresh_tokens",
      words: "needs a database",
    },
    ...["Exchange", "Refresh", "CreateAuthorizationUrl"].map((method): MistakeRow => ({
      name: `${method} without a provider`,
      changes: { "clients/backend/methods": [method], "clients/backend/providers": {} },
      path: "clients.backend.methods.0",
      words: "needs a provider",
    })),
    ...["web", "cli"].map((client): MistakeRow => ({
      name: `ValidateCrossClient by the public client ${client}`,
      changes: { [`clients/${client}/methods`]: ["Exchange", "ValidateCrossClient"], [`clients/${client}/audiences`]: ["orders"] },
      path: `clients.${client}.methods.1`,
      words: "is for services",
    })),
    {
      name: "ValidateCrossClient without an audience",
      changes: { "clients/orders/audiences": [] },
      path: "clients.orders.methods.0",
      words: "needs an audience",
    },
    {
      name: "browser's redirect over plain http",
      changes: { "clients/web/providers/main/redirect_uris": ["http://app.example.com/cb"] },
      path: "clients.web.providers.main.redirect_uris.0",
      words: "Use https",
    },
    {
      name: "browser's redirect to an application",
      changes: { "clients/web/providers/main/redirect_uris": ["com.example.app:/cb"] },
      path: "clients.web.providers.main.redirect_uris.0",
      words: "Use https",
    },
    {
      name: "service's redirect over plain http",
      changes: { "clients/backend/providers/main/redirect_uris": ["http://app.example.com/cb"] },
      path: "clients.backend.providers.main.redirect_uris.0",
      words: "Use https",
    },
    {
      name: "native redirect over plain http",
      changes: { "clients/cli/providers/main/redirect_uris": ["http://10.0.0.1/cb"] },
      path: "clients.cli.providers.main.redirect_uris.0",
      words: "com.example.app",
    },
    ...[
      "http://127.0.0.2/cb",
      "http://[::2]/cb",
      "http://app.localhost/cb",
      "http://127.1/cb",
      "HTTP://LOCALHOST/cb",
      "http://localhost.example.com/cb",
      "http://127.0.0.1:1@evil.example/cb",
    ].map((uri): MistakeRow => ({
      name: `native redirect to ${uri}`,
      changes: { "clients/cli/providers/main/redirect_uris": [uri] },
      path: "clients.cli.providers.main.redirect_uris.0",
      words: "127.0.0.1, [::1] or localhost",
    })),
    {
      name: "native redirect to a script",
      changes: { "clients/cli/providers/main/redirect_uris": ["javascript:alert(1)//a.b:"] },
      path: "clients.cli.providers.main.redirect_uris.0",
      words: "com.example.app",
    },

    // The routes' rules.
    {
      name: "route of an unknown client",
      changes: { "routes/exchange/0/client": "spa" },
      path: "routes.exchange.0.client",
      words: "web, cli, orders, backend",
    },
    {
      name: "route of an unknown provider",
      changes: { "routes/exchange/0/provider": "elsewhere", "clients/web/providers/elsewhere": undefined },
      path: "routes.exchange.0.provider",
      words: "main, corporate",
    },
    {
      name: "route of a service",
      changes: { "routes/exchange/0/client": "backend" },
      path: "routes.exchange.0.client",
      words: "browser or native",
    },
    {
      name: "route whose client may not Exchange",
      changes: { "clients/web/methods": ["Refresh"] },
      path: "routes.exchange.0.client",
      words: "Exchange",
    },
    {
      name: "route whose client may not use the provider",
      changes: { "routes/exchange/0/provider": "corporate" },
      path: "routes.exchange.0.provider",
      words: "not among the providers",
    },
    {
      name: "route over a provider without PKCE",
      changes: { "providers/main/pkce": "none" },
      path: "routes.exchange.0.provider",
      words: "without PKCE",
    },
    {
      name: "route twice",
      changes: { "routes/exchange/1": { path: "/api/auth/exchange", client: "cli", provider: "main" } },
      path: "routes.exchange.1.path",
      words: "another route",
    },
    ...[
      "/livez",
      "/readyz/",
      "/metrics",
      "/metrics/x",
      "/.well-known/jwks.json",
      "/cambio.v1.TokenExchangeService/Exchange",
      "/grpc.health.v1.Health/Check",
      "/a/../livez",
      "/./livez",
    ].map((path): MistakeRow => ({
      name: `route at ${path}`,
      changes: { "routes/exchange/0/path": path },
      path: "routes.exchange.0.path",
      words: path === "/readyz/" ? "between slashes" : "the service itself",
    })),
  ]);
});
