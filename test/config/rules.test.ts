import { describe } from "vitest";
import { expectOnlyMistake } from "./given.ts";

describe("what is found about sealing, Redis, providers and audiences", () => {
  expectOnlyMistake([
    {
      name: "audience that ID tokens would open, where their type is JWT too",
      changes: {
        "providers/main/tokens": { header_types: ["application/JWT"] },
        "audiences/orders/accepts/main/identifiers": ["https://orders", "cambio"],
      },
      path: "audiences.orders.accepts.main.identifiers.1",
      words: "aud of ID tokens",
    },
    {
      name: "audience that ID tokens of a client by which tokens are exchanged would open, where their type is JWT too",
      changes: {
        "providers/main/tokens": { header_types: ["JWT"] },
        "audiences/orders/accepts/main/identifiers": ["https://orders", "orders-client"],
        "audiences/orders/accepts/main/exchange_as": { id: "orders-client", secret: "orders-client-secret" },
      },
      path: "audiences.orders.accepts.main.identifiers.1",
      words: "aud of ID tokens",
    },
    ...["opaque", "every"].map((introspection) => ({
      name: `introspection (${introspection}) by a client that proves nothing`,
      changes: { "providers/main/introspection": introspection, "providers/main/client": { id: "cambio", authentication: "none" } },
      path: "providers.main.introspection",
      words: "needs a client that proves itself",
    })),
    {
      name: "introspection without an address, where discovery is not read",
      changes: {
        "providers/main/introspection": "opaque",
        "providers/main/endpoints": {
          authorization: "https://login.example.com/a",
          token: "https://login.example.com/t",
          jwks: "https://login.example.com/k",
        },
      },
      path: "providers.main.introspection",
      words: "discovery is not read",
    },
    {
      name: "sealing key that is too short",
      env: { CAMBIO_SEALING_KEY: "AAECAwQFBgcICQoLDA0ODw" },
      path: "sealing.keys.0.key",
      words: "32 random bytes",
    },
    {
      name: "second sealing key that is none",
      changes: {
        "sealing/keys": [
          { id: "1", key: "${CAMBIO_SEALING_KEY}" },
          { id: "2", key: "short" },
        ],
      },
      path: "sealing.keys.1.key",
      words: "openssl rand -base64 32",
    },
    {
      name: "sealing key in plain base64",
      env: { CAMBIO_SEALING_KEY: "+/ECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=" },
      path: "sealing.keys.0.key",
      words: "base64url",
    },
    {
      name: "sealing key with a loose last bit",
      env: { CAMBIO_SEALING_KEY: "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9" },
      path: "sealing.keys.0.key",
      words: "32 random bytes",
    },
    { name: "sealing key of zeros", env: { CAMBIO_SEALING_KEY: "A".repeat(43) }, path: "sealing.keys.0.key", words: "over and over" },
    {
      name: "two sealing keys of one id",
      changes: {
        "sealing/keys": [
          { id: "1", key: "${CAMBIO_SEALING_KEY}" },
          { id: "1", key: "${CAMBIO_SEALING_KEY}" },
        ],
      },
      path: "sealing.keys.1.id",
      words: "another key",
    },
    {
      name: "shared Redis without shared keys",
      changes: { sealing: null },
      env: { REDIS_URL: "redis://redis:6379" },
      path: "sealing",
      words: "Redis is shared",
    },
    {
      name: "audience that ID tokens would open, where their type is JWT too",
      changes: {
        "providers/main/tokens": { header_types: ["application/JWT"] },
        "audiences/orders/accepts/main/identifiers": ["https://orders", "cambio"],
      },
      path: "audiences.orders.accepts.main.identifiers.1",
      words: "aud of ID tokens",
    },
    { name: "Redis that is none", env: { REDIS_URL: "http://redis:6379" }, path: "redis.url", words: "redis://" },
    { name: "Redis with options", env: { REDIS_URL: "redis://redis?tls=false" }, path: "redis.url", words: "?options" },
    { name: "Redis with a database's name", env: { REDIS_URL: "redis://redis/main" }, path: "redis.url", words: "number of a database" },
    { name: "Redis with a password in the raw", env: { REDIS_URL: "redis://:50%@redis" }, path: "redis.url", words: "Percent-encode" },

    // The providers' rules.
    {
      name: "issuer over plain http",
      changes: { "providers/main/issuer": "http://login.example.com" },
      path: "providers.main.issuer",
      words: "allow_http",
    },
    {
      name: "issuer that only looks like loopback",
      changes: { "providers/main/issuer": "http://localhost.example.com" },
      path: "providers.main.issuer",
      words: "plain http",
    },
    {
      name: "back channel over plain http",
      changes: { "providers/main/back_channel_url": "http://kc:8080" },
      path: "providers.main.back_channel_url",
      words: "plain http",
    },
    {
      name: "token endpoint over plain http",
      changes: { "providers/main/endpoints": { token: "http://kc/token" } },
      path: "providers.main.endpoints.token",
      words: "plain http",
    },
    {
      name: "further origin over plain http",
      changes: { "providers/main/allowed_origins": ["http://kc"] },
      path: "providers.main.allowed_origins.0",
      words: "plain http",
    },
    {
      name: "one issuer twice",
      env: { CORPORATE_ISSUER: "https://login.example.com" },
      path: "providers.corporate.issuer",
      words: "issuer of main",
    },
    {
      name: "basic without a secret",
      changes: { "providers/main/client": { id: "x" } },
      path: "providers.main.client.secret",
      words: "authentication basic needs it",
    },
    {
      name: "post without a secret",
      changes: { "providers/main/client": { id: "x", authentication: "post" } },
      path: "providers.main.client.secret",
      words: "authentication post needs it",
    },
    {
      name: "none with a secret",
      changes: { "providers/main/client/authentication": "none" },
      path: "providers.main.client.secret",
      words: "authentication none",
    },
    {
      name: "buffer as long as a token may live",
      changes: { "providers/main/tokens": { expiry_buffer: "5m", max_lifetime: "5m" } },
      path: "providers.main.tokens.expiry_buffer",
      words: "max_lifetime",
    },
    {
      name: "audience that accepts from nowhere",
      changes: { "audiences/orders/accepts/elsewhere": { identifiers: ["x"], clients: [] } },
      path: "audiences.orders.accepts.elsewhere",
      words: "main, corporate",
    },
  ]);
});
