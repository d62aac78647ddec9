import { expect, test } from "vitest";
import { parseDatabaseUrl } from "../../src/config/database-url.ts";
import { Secret } from "../../src/exchange/secret.ts";

const plain = { host: "h", port: 5432, tls: false, user: undefined, password: undefined, database: "cambio" };

test.each([
  ["postgres://h/cambio", plain],
  ["postgresql://h/cambio", plain],
  ["postgres://h:7000/cambio", { ...plain, port: 7000 }],
  ["postgres://user@h/cambio", { ...plain, user: "user" }],
  ["postgres://us%40er@h/cam%20bio", { ...plain, user: "us@er", database: "cam bio" }],
  ["postgres://h/cambio?sslmode=disable", plain],
  ["postgres://h/cambio?sslmode=verify-full", { ...plain, tls: true }],
  ["postgres://[fd00::1]:6432/cambio", { ...plain, host: "fd00::1", port: 6432 }],
])("%s is understood", (url, address) => {
  expect(parseDatabaseUrl(new Secret(url))).toEqual({ kind: "address", address });
});

test.each([
  ["postgres://user:only@h/db", "only"],
  ["postgres://user:p%40ss%3A%2F@h/db", "p@ss:/"],
])("the password in %s is decoded, and stays a secret", (url, password) => {
  const parsed = parseDatabaseUrl(new Secret(url));
  expect(parsed.kind === "address" && parsed.address.password?.reveal()).toBe(password);
});

test.each([
  ["an sslmode that is said twice", "postgres://u:hunter2@h/db?sslmode=verify-full&sslmode=disable", "sslmode"],
  ["another scheme", "mysql://u:hunter2@h/db", "postgres://"],
  ["no scheme", "u:hunter2@h:5432/db", "postgres://"],
  ["no host, as for a socket", "postgres:///db?host=/run/hunter2", "postgres://"],
  ["a port that is none", "postgres://u:hunter2@h:99999/db", "postgres://"],
  ["no database", "postgres://u:hunter2@h", "name the database"],
  ["an empty database", "postgres://u:hunter2@h/", "name the database"],
  ["a broken escape in the password", "postgres://u:hunter2%zz@h/db", "percent-encode"],
  ["a broken escape in the user name", "postgres://hunter2%zz@h/db", "percent-encode"],
  ["a broken escape in the database", "postgres://u:hunter2@h/%zz", "percent-encode"],
  ["encryption for whoever answers", "postgres://u:hunter2@h/db?sslmode=require", "sslmode=verify-full"],
  ["encryption only where it is offered", "postgres://u:hunter2@h/db?sslmode=prefer", "sslmode=verify-full"],
  ["a certificate of anybody", "postgres://u:hunter2@h/db?sslmode=no-verify", "sslmode=verify-full"],
  ["an empty mode", "postgres://u:hunter2@h/db?sslmode=", "sslmode=verify-full"],
  ["an option that names another host", "postgres://u:hunter2@h/db?host=evil.example", "nothing, or"],
  ["an option beside a mode", "postgres://u:hunter2@h/db?sslmode=verify-full&options=-csearch_path=x", "nothing, or"],
  ["a fragment", "postgres://u:hunter2@h/db#x", "nothing, or"],
])("%s is a mistake, and what is said of it does not show the password", (_, url, words) => {
  const parsed = parseDatabaseUrl(new Secret(url));
  expect(parsed).toEqual({ kind: "mistake", advice: expect.stringContaining(words) });
  expect(JSON.stringify(parsed)).not.toContain("hunter2");
});
