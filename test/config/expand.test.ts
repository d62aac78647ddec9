import { describe } from "vitest";
import { expectOnlyMistake } from "./given.ts";

describe("what environment and files bring", () => {
  expectOnlyMistake([
    { name: "variable that is not set", env: { ORDERS_SECRET: undefined }, path: "clients.orders.secrets.0", words: "ORDERS_SECRET" },
    { name: "variable that is empty", env: { ORDERS_SECRET: "" }, path: "clients.orders.secrets.0", words: "ORDERS_SECRET" },
    { name: "reference without a brace", changes: { "server/host": "${HOST" }, path: "server.host", words: "closing brace" },
    { name: "reference in a default", changes: { "server/host": "${A:-${B}}" }, path: "server.host", words: "closing brace" },
    { name: "port that is no number", env: { PORT: "http" }, path: "server.port", words: "Write a number" },
    {
      name: "part of a number",
      changes: { "server/port": "80${PORT}" },
      env: { PORT: "80" },
      path: "server.port",
      words: "Write a number",
    },
    {
      name: "secret and its file",
      changes: { "providers/main/client/secret_file": "/s" },
      files: { "/s": "x" },
      path: "providers.main.client.secret_file",
      words: "Keep one of secret and secret_file",
    },
    { name: "missing file", changes: { "redis/url_file": "redis-url" }, path: "redis.url_file", words: "does not exist" },
    { name: "empty file", changes: { "redis/url_file": "/s" }, files: { "/s": "\n" }, path: "redis.url_file", words: "empty file" },
    {
      name: "huge file",
      changes: { "redis/url_file": "/s" },
      files: { "/s": "x".repeat(20_000) },
      path: "redis.url_file",
      words: "too long",
    },
    { name: "file key that is no path", changes: { "redis/url_file": [] }, path: "redis.url_file", words: "path of a file" },
    {
      name: "missing file in a list",
      changes: { "clients/orders/secrets": [{ file: "s" }] },
      path: "clients.orders.secrets.0.file",
      words: "does not exist",
    },
    {
      name: "list entry that is neither",
      changes: { "clients/orders/secrets": [{ fil: "s" }] },
      path: "clients.orders.secrets.0",
      words: "{ file: PATH }",
    },
    {
      name: "file for what is no secret",
      changes: { "providers/main/issuer_file": "/s" },
      path: "providers.main.issuer_file",
      words: "not a known key",
    },
  ]);
});
