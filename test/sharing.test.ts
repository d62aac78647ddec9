import { describe, expect, it } from "vitest";
import { processesMayShare, SharingStartError, whyOnlyOne } from "../src/sharing.ts";
import { exampleWith, load } from "./config/given.ts";

const given = (changes: Readonly<Record<string, unknown>>, env: Readonly<Record<string, string>> = {}) =>
  load({ text: exampleWith(changes), env });

describe("a configuration that serves one process only", () => {
  it.each([
    ["nothing is shared", {}, {}, "redis (or REDIS_URL)"],
    ["the database is a file", { "database/file": "/var/lib/cambio.sqlite" }, {}, "database.file is a SQLite file"],
    [
      "the database is a file, beside a Redis",
      { "database/file": "/var/lib/cambio.sqlite" },
      { REDIS_URL: "redis://127.0.0.1" },
      "database.file",
    ],
    ["the database is in memory", { "database/file": ":memory:" }, {}, "database.file"],
  ])("%s: workers are refused, and the setting is named", (_name, changes, env, words) => {
    const configuration = given(changes, env);
    expect(() => processesMayShare(configuration, 2)).toThrow(SharingStartError);
    expect(() => processesMayShare(configuration, 2)).toThrow(words);
  });

  it("keys that each process makes for itself are refused, whatever else is shared", () => {
    expect(whyOnlyOne({ ...given({}, { REDIS_URL: "redis://127.0.0.1" }), sealing: undefined })).toEqual(["no sealing keys"]);
  });
});

it.each([
  ["Redis", { REDIS_URL: "redis://127.0.0.1" }],
  ["PostgreSQL", { DATABASE_URL: "postgres://cambio@127.0.0.1/cambio" }],
  ["both", { REDIS_URL: "redis://127.0.0.1", DATABASE_URL: "postgres://cambio@127.0.0.1/cambio" }],
])("over %s any number of processes may serve", (_name, env) => {
  expect(() => processesMayShare(given({}, env), 8)).not.toThrow();
});
