import { expect, test } from "vitest";
import { parseRedisUrl } from "../../src/config/redis-url.ts";
import { Secret } from "../../src/exchange/secret.ts";

const plain = { host: "h", port: 6379, tls: false, username: undefined, password: undefined, db: 0 };

test.each([
  ["redis://h", plain],
  ["redis://h/", plain],
  ["redis://h:7000/3", { ...plain, port: 7000, db: 3 }],
  ["rediss://user@h", { ...plain, tls: true, username: "user" }],
  ["redis://[::1]:6380", { ...plain, host: "::1", port: 6380 }],
])("%s is understood", (url, address) => {
  expect(parseRedisUrl(new Secret(url))).toEqual({ kind: "address", address });
});

test.each([
  ["redis://:only@h", "only"],
  ["redis://user:p%40ss%3A@h", "p@ss:"],
])("the password in %s is decoded, and stays a secret", (url, password) => {
  const parsed = parseRedisUrl(new Secret(url));
  expect(parsed.kind === "address" && parsed.address.password?.reveal()).toBe(password);
});

test.each([
  ["another scheme", "http://hunter2@h", "redis://HOST:PORT"],
  ["no scheme", "hunter2@h:6379", "redis://HOST:PORT"],
  ["no host", "redis://", "redis://HOST:PORT"],
  ["a port that is none", "redis://:hunter2@h:99999", "redis://HOST:PORT"],
  ["a path that is no database", "redis://:hunter2@h/main", "number of a database"],
  ["a broken escape in the password", "redis://:hunter2%zz@h", "percent-encode"],
  ["a broken escape in the user name", "redis://hunter2%zz@h", "percent-encode"],
  ["options that would switch protections off", "redis://:hunter2@h?enableOfflineQueue=true", "?options"],
  ["a fragment", "redis://:hunter2@h#x", "#fragment"],
])("%s is a mistake, and what is said of it does not show the password", (_, url, words) => {
  const parsed = parseRedisUrl(new Secret(url));
  expect(parsed).toEqual({ kind: "mistake", advice: expect.stringContaining(words) });
  expect(JSON.stringify(parsed)).not.toContain("hunter2");
});
