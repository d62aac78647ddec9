import { expect, test } from "vitest";
import { parseRedisUrl } from "../../src/cache/redis-url.ts";
import { Secret } from "../../src/exchange/secret.ts";

const plain = { host: "h", port: 6379, tls: false, username: undefined, password: undefined, db: 0 };

test.each([
  ["redis://h", plain],
  ["redis://h/", plain],
  ["redis://h:7000/3", { ...plain, port: 7000, db: 3 }],
  ["rediss://user:p%40ss%3A@h", { ...plain, tls: true, username: "user", password: "p@ss:" }],
  ["redis://:only@h", { ...plain, password: "only" }],
  ["redis://[::1]:6380", { ...plain, host: "::1", port: 6380 }],
])("%s is understood", (url, address) => {
  expect(parseRedisUrl(new Secret(url))).toEqual(address);
});

test.each([
  ["another scheme", "http://hunter2@h"],
  ["no scheme", "hunter2@h:6379"],
  ["no host", "redis://"],
  ["a port that is none", "redis://:hunter2@h:99999"],
  ["a path that is no database", "redis://:hunter2@h/main"],
  ["a broken escape", "redis://:hunter2%zz@h"],
  ["options that would switch protections off", "redis://:hunter2@h?enableOfflineQueue=true"],
  ["a fragment", "redis://:hunter2@h#x"],
])("%s stops the start, without the password in the message", (_, url) => {
  const attempt = () => parseRedisUrl(new Secret(url));
  expect(attempt).toThrow(Error);
  expect(attempt).not.toThrow("hunter2");
});
