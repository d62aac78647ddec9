import { DatabaseError } from "pg";
import { describe, expect, test } from "vitest";
import { classifyPostgresError, connectFailureCode } from "../../src/store/postgres-failure.ts";
import { classifySqliteError } from "../../src/store/sqlite-failure.ts";

const secret = "Key (name)=(secret) already exists";

function said(code: string, severity: string): Error {
  return Object.assign(new DatabaseError(secret, 1, "error"), { code, severity, detail: secret });
}

describe("PostgreSQL:", () => {
  test.each([
    ["a statement that broke a rule", said("23505", "ERROR"), "23505", "refused"],
    ["a statement that waited too long", said("57014", "ERROR"), "57014", "refused"],
    ["a deadlock", said("40P01", "ERROR"), "40P01", "refused"],
    ["a server that says it does not know", said("40003", "ERROR"), "40003", "unknown"],
    ["trouble with the connection", said("08006", "ERROR"), "08006", "unknown"],
    ["an operator who ends the connection", said("57P01", "FATAL"), "57P01", "unknown"],
    ["a socket that breaks", Object.assign(new Error(secret), { code: "ECONNRESET" }), "ECONNRESET", "unknown"],
    ["an end without a word", new Error(secret), "LOST", "unknown"],
    ["a word that is none", Object.assign(new Error(), { code: secret }), "LOST", "unknown"],
    ["what is no error", secret, "LOST", "unknown"],
  ])("%s", (_, error, code, outcome) => {
    const { code: told, outcome: concluded } = classifyPostgresError(error);
    expect({ told, concluded }).toEqual({ told: code, concluded: outcome });
  });

  test("a connection that could not be had keeps the word for it and nothing else", () => {
    expect(connectFailureCode(said("28P01", "FATAL"))).toBe("28P01");
    expect(connectFailureCode(new Error(secret))).toBe("AWAY");
  });
});

describe("SQLite:", () => {
  test.each([
    ["a lock", 5, "BUSY", "refused"],
    ["a lock of another kind", 261, "BUSY", "refused"],
    ["a broken rule", 1555, "CONSTRAINT", "refused"],
    ["a full disk", 13, "FULL", "refused"],
    ["a disk that failed", 1034, "IOERR", "unknown"],
    ["what nobody can do anything about", 1, "SQLITE_1", "refused"],
  ])("%s", (_, errcode, code, outcome) => {
    expect(classifySqliteError(Object.assign(new Error(secret), { errcode }))).toEqual({ code, outcome });
  });

  test("a mistake of ours is not one of its failures", () => {
    expect(classifySqliteError(new TypeError(secret))).toBeUndefined();
  });
});
