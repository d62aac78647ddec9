import { expect, test } from "vitest";
import { Secret } from "../../src/exchange/secret.ts";
import type { ConnectionContents } from "../../src/vault/connection-columns.ts";
import { createDueAt } from "../../src/vault/due.ts";

const minute = 60_000;

function dueIn(
  lifeMs: number | undefined,
  chance = 0,
  given: { readonly kept?: number; readonly ahead?: number | undefined; readonly token?: Secret | undefined } = {},
) {
  const { kept, ahead, token } = { kept: 1, ahead: 10 * minute, token: new Secret("refresh-token"), ...given };
  const dueAt = createDueAt({ clock: () => 0, chance: () => chance, aheadMs: () => ahead });
  const contents: ConnectionContents = {
    grant: { refreshToken: token, subject: undefined, terms: undefined, issue: undefined, issuer: "https://issuer.example", signIn: "" },
    tokens: {
      accessToken: new Secret("access-token"),
      tokenType: "Bearer",
      expiresAtMs: lifeMs,
      refreshToken: undefined,
      idToken: undefined,
      scopes: undefined,
      issuer: "https://issuer.example",
    },
  };
  return dueAt({ provider: "main", kept }, contents);
}

test.each([
  ["an hour, at the latest", 60 * minute, 0, 50 * minute],
  ["an hour, at the earliest", 60 * minute, 1, 40 * minute],
  ["less than twice as long as it is refreshed ahead: half of what is left, at the latest", 16 * minute, 0, 8 * minute],
  ["the same, at the earliest: not before a minute has gone by", 16 * minute, 1, minute],
  ["a minute", minute, 0, minute],
  ["no time at all, which would be asked for without end", 0, 0, minute],
  ["less than none", -minute, 1, minute],
])("tokens that live for %s", (_, lifeMs, chance, expected) => {
  expect(dueIn(lifeMs, chance)).toBe(expected);
});

test("what nothing can refresh, what never expires, what a handle's client refreshes, and a provider that is gone are never due", () => {
  expect(dueIn(undefined)).toBeNull();
  expect(dueIn(minute, 0, { token: undefined })).toBeNull();
  expect(dueIn(minute, 0, { kept: 0 })).toBeNull();
  expect(dueIn(minute, 0, { ahead: undefined })).toBeNull();
});
