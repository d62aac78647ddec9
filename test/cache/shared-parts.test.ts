import { expect, test } from "vitest";
import { createSharedParts } from "../../src/cache/shared-parts.ts";
import type { Verification } from "../../src/exchange/claims.ts";

/** As read anew: no two of them have a part in common. */
function read(subject: string, scopes = ["openid", "orders:read"]): Verification {
  const claims = { issuer: "https://id.example.com", subject, clientId: "storefront", audiences: ["orders"], scopes };
  const rest = { issuedAt: 1, expiresAt: 2, tokenId: `jti-${subject}`, actors: [], name: "", preferredUsername: "", email: "" };
  return {
    claims: { ...claims, ...rest },
    provider: "corporate",
    source: "LOCAL_KEYS",
    keyId: "k1",
    revocationId: `jti-${subject}`,
    validUntilMs: 2_000,
  };
}

test("a verification is the same with shared parts, whatever is in it", () => {
  const share = createSharedParts();
  const rare: Verification = {
    ...read("user-2", []),
    revocationId: "hash-of-what-was-signed",
    claims: {
      ...read("user-2", []).claims,
      actors: [{ issuer: "", subject: "service", clientId: "" }],
      mayAct: { issuer: "", subject: "", clientId: "" },
      name: "Ada",
    },
  };
  for (const one of [read("user-1"), rare, read("user-3", ["a", "b"]), read("user-4", ["a,b"])]) expect(share(one)).toEqual(one);
});

test("lists of the same words are one list, those of others are not", () => {
  const share = createSharedParts();
  const [first, second, other] = [share(read("user-1")), share(read("user-2")), share(read("user-3", ["orders:read", "openid"]))];
  expect(second.claims.scopes).toBe(first.claims.scopes);
  expect(second.claims.audiences).toBe(first.claims.audiences);
  expect(other.claims.scopes).not.toBe(first.claims.scopes);
});

test("words without end, one in each token, leave what was remembered as it was", () => {
  const share = createSharedParts();
  const first = share(read("user-0", ["scope-0"]));
  for (let number = 1; number <= 20_001; number += 1) share(read(`user-${number}`, [`scope-${number}`]));
  expect(first).toEqual(read("user-0", ["scope-0"]));
  expect(share(read("user-0", ["scope-0"]))).toEqual(first);
});

const long = () =>
  read(
    "user-1",
    Array.from({ length: 500 }, (_, number) => `orders:${number}`),
  );

test("what is long is kept by nobody but by whom it is remembered for", () => {
  const share = createSharedParts();
  const [first, second] = [share(long()), share(long())];
  expect(second).toEqual(first);
  expect(second.claims.scopes).not.toBe(first.claims.scopes);
});
