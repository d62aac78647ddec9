import { describe, expect, it } from "vitest";
import { ExchangeError } from "../../src/exchange/errors.ts";
import type { Minting, MintRule } from "../../src/exchange/minting.ts";
import { createOriginRevocations } from "../../src/exchange/origin-revocations.ts";
import type { RevocableToken, Revocation } from "../../src/exchange/ports.ts";
import { refusal } from "./fixtures.ts";

const from = (prefixes: Readonly<Record<string, string>>): MintRule => ({
  signing: { kind: "published", algorithm: "ES256" },
  identifier: "https://backend.example",
  lifetimeMs: 900_000,
  from: new Map(
    Object.entries(prefixes).map(([name, subjectPrefix]) => [name, { subjectPrefix, scopes: [], scopeMap: new Map(), claims: new Map() }]),
  ),
  actors: [],
});
const minting: Minting = new Map([
  ["backend", from({ site: "site:", main: "main:", cambio: "" })],
  ["stock", from({ cambio: "" })],
]);

/** @param ended provider, then the subject whose every token of before 1000 has ended; or a token's id */
function revocationsOf(ended: readonly string[]) {
  const asked: RevocableToken[] = [];
  const ordered: Revocation[] = [];
  const revocations = createOriginRevocations(
    {
      check(token) {
        asked.push(token);
        const bySubject = ended.includes(`${token.provider} ${token.subject}`) && token.issuedAt < 1_000;
        if (bySubject || ended.includes(`${token.provider} ${token.id}`)) throw new ExchangeError("TOKEN_REVOKED");
      },
      revoke: async (revocation) => void ordered.push(revocation),
    },
    minting,
  );
  return { revocations, asked, ordered };
}

const ours = (subject: string, issuedAt = 500): RevocableToken => ({ provider: "cambio", id: "jti:1", subject, issuedAt });

describe("revocation of a token that was issued here", () => {
  it.each([
    ["its own id was revoked", ["cambio jti:1"]],
    ["all that was issued here for its subject was", ["cambio site:u1"]],
    ["all that its user has at the origin was, under the id that the user has there", ["site u1"]],
  ])("holds where %s", (_name, ended) => {
    expect(() => revocationsOf(ended).revocations.check(ours("site:u1"))).toThrow(refusal("TOKEN_REVOKED"));
  });

  it.each([
    ["a user of that id at another provider", ours("site:u1"), ["main u1"]],
    ["another user, whose id is the prefixed one", ours("site:u1"), ["site site:u1"]],
    ["the same user, before the token was issued", ours("site:u1", 1_000), ["site u1"]],
    ["a provider's own token of that subject", { ...ours("u1"), provider: "main" }, ["site u1"]],
  ])("does not follow from the end of %s", (_name, token, ended) => {
    expect(() => revocationsOf(ended).revocations.check(token)).not.toThrow();
  });

  it("asks once about a provider's token, and orders go on as they are", async () => {
    const { revocations, asked, ordered } = revocationsOf([]);
    const token = { ...ours("u1"), provider: "main" };
    revocations.check(token);
    const order: Revocation = { kind: "token", provider: "main", id: "jti:1", expiresAt: 2_000 };
    await revocations.revoke(order);
    expect({ asked, ordered }).toEqual({ asked: [token], ordered: [order] });
  });
});
