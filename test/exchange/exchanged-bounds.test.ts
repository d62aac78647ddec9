import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Actor, TokenClaims } from "../../src/exchange/claims.ts";
import type { Reason } from "../../src/exchange/errors.ts";
import { checkExchanged, type ExchangeAnswer, type ExchangeBounds } from "../../src/exchange/exchanged-bounds.ts";
import { refusal } from "./fixtures.ts";

const now = 1_800_000_000;
const gateway: Actor = { issuer: "", subject: "gateway", clientId: "gw" };
const batch: Actor = { issuer: "https://other.example", subject: "batch", clientId: "" };
const life = { issuedAt: now - 60, expiresAt: now + 600 };

const claims: TokenClaims = {
  issuer: "https://issuer.example",
  subject: "alice",
  clientId: "orders-client",
  audiences: ["urn:inventory"],
  scopes: ["read"],
  issuedAt: now,
  expiresAt: now + 600,
  tokenId: "new",
  actors: [gateway, batch],
  name: "",
  preferredUsername: "",
  email: "",
};
const bounds: ExchangeBounds = {
  subject: { subject: "alice", scopes: ["read", "write"], actors: [gateway, batch], life },
  requester: "orders-client",
  recipients: [["urn:inventory", "https://inventory.example"]],
};

interface Case {
  readonly claims?: Partial<TokenClaims>;
  readonly scopes?: readonly string[];
  readonly subject?: Partial<ExchangeBounds["subject"]>;
  readonly recipients?: ExchangeBounds["recipients"];
}

const check = (given: Case) => () =>
  checkExchanged(
    { ...bounds, subject: { ...bounds.subject, ...given.subject }, recipients: given.recipients ?? bounds.recipients },
    { claims: { ...claims, ...given.claims }, scopes: given.scopes },
  );

describe("a token that came out of an exchange", () => {
  it.each<[string, Case]>([
    ["as it was asked", {}],
    ["with fewer scopes than the subject token", { claims: { scopes: [] }, scopes: [] }],
    ["with all of its scopes", { claims: { scopes: ["write", "read"] }, scopes: ["read", "write"] }],
    ["that ends before it", { claims: { expiresAt: now + 1 } }],
    ["under another of the audience's names", { claims: { audiences: ["https://inventory.example"] } }],
    ["under all of the audience's names", { claims: { audiences: ["https://inventory.example", "urn:inventory"] } }],
    ["for both audiences that were asked for", { claims: { audiences: ["b", "a"] }, recipients: [["a"], ["b"]] }],
    ["with one more who acts, in front of the others", { claims: { actors: [batch, gateway, batch] } }],
    ["whose subject token has ended since, however long it lives", { claims: { expiresAt: now + 9_999 }, subject: { life: undefined } }],
  ])("is handed out %s", (_what, given) => {
    expect(check(given)).not.toThrow();
  });

  it.each<[string, Case, Reason, string]>([
    ["of another subject", { claims: { subject: "mallory" } }, "UPSTREAM_INVALID_RESPONSE", "sub"],
    ["of a subject in other letters", { claims: { subject: "Alice" } }, "UPSTREAM_INVALID_RESPONSE", "sub"],
    ["of another holder", { claims: { clientId: "web" } }, "UPSTREAM_INVALID_RESPONSE", "client"],
    ["without those who act", { claims: { actors: [] } }, "DELEGATION_NOT_ALLOWED", "act"],
    ["without the first who acts", { claims: { actors: [batch] } }, "DELEGATION_NOT_ALLOWED", "act"],
    ["without the last who acts", { claims: { actors: [gateway] } }, "DELEGATION_NOT_ALLOWED", "act"],
    ["with those who act in another order", { claims: { actors: [batch, gateway] } }, "DELEGATION_NOT_ALLOWED", "act"],
    ["with another put behind those who act", { claims: { actors: [gateway, batch, gateway] } }, "DELEGATION_NOT_ALLOWED", "act"],
    ["with another put between them", { claims: { actors: [gateway, batch, batch] } }, "DELEGATION_NOT_ALLOWED", "act"],
    ["with an actor of another issuer", { claims: { actors: [gateway, { ...batch, issuer: "" }] } }, "DELEGATION_NOT_ALLOWED", "act"],
    ["with an actor of another name", { claims: { actors: [gateway, { ...batch, subject: "x" }] } }, "DELEGATION_NOT_ALLOWED", "act"],
    ["with an actor at another client", { claims: { actors: [{ ...gateway, clientId: "" }, batch] } }, "DELEGATION_NOT_ALLOWED", "act"],
    ["for nobody, so for everybody", { claims: { audiences: [] } }, "TARGET_NOT_ALLOWED", "aud"],
    ["for another audience", { claims: { audiences: ["urn:payroll"] } }, "TARGET_NOT_ALLOWED", "aud"],
    ["for another audience beside it", { claims: { audiences: ["urn:inventory", "urn:payroll"] } }, "TARGET_NOT_ALLOWED", "aud"],
    ["for what means no audience here, beside it", { claims: { audiences: ["urn:inventory", "account"] } }, "TARGET_NOT_ALLOWED", "aud"],
    ["for the audience in other letters", { claims: { audiences: ["URN:inventory"] } }, "TARGET_NOT_ALLOWED", "aud"],
    ["for one of two audiences", { claims: { audiences: ["a"] }, recipients: [["a"], ["b"]] }, "TARGET_NOT_ALLOWED", "aud"],
    ["for an audience that nothing means", { recipients: [["urn:inventory"], []] }, "TARGET_NOT_ALLOWED", "aud"],
    ["where no audience was asked for", { recipients: [] }, "TARGET_NOT_ALLOWED", "aud"],
    ["with a scope more", { claims: { scopes: ["read", "admin"] } }, "SCOPE_NOT_ALLOWED", "scope"],
    ["with a scope in other letters", { claims: { scopes: ["READ"] } }, "SCOPE_NOT_ALLOWED", "scope"],
    ["with a scope more by the answer alone", { scopes: ["read", "admin"] }, "SCOPE_NOT_ALLOWED", "scope"],
    ["with a scope more by the token alone", { claims: { scopes: ["admin"] }, scopes: ["read"] }, "SCOPE_NOT_ALLOWED", "scope"],
    ["with more than nothing", { subject: { scopes: [] } }, "SCOPE_NOT_ALLOWED", "scope"],
    [
      "with a scope more, though the subject token has ended",
      { scopes: ["x"], subject: { life: undefined } },
      "SCOPE_NOT_ALLOWED",
      "scope",
    ],
  ])("is refused %s", (_what, given, reason, claim) => {
    expect(check(given)).toThrow(refusal(reason, { cause: { kind: "rule", field: `exchanged ${claim}` } }));
  });

  it("would outlive a subject token that is about to end: a fresh one helps, so it counts as expired", () => {
    const short = { issuedAt: now - 540, expiresAt: now + 60 };
    expect(check({ claims: { issuedAt: now, expiresAt: now + 599 }, subject: { life: short } })).toThrow(
      refusal("TOKEN_EXPIRED", { field: "SUBJECT_TOKEN", expiredAt: short.expiresAt }),
    );
  });

  it.each([
    ["as long as any subject token", now + 660],
    ["longer than any subject token", now + 3_600],
  ])("lives %s: no fresh one would help, so nobody is sent to refresh", (_what, expiresAt) => {
    expect(check({ claims: { expiresAt } })).toThrow(refusal("TARGET_NOT_ALLOWED", { cause: { kind: "rule", field: "exchanged exp" } }));
  });
});

const words = (...from: string[]) => fc.subarray(from);

it("an answer with very many scopes does not keep the process from everybody else's calls", () => {
  // Compared one by one these are five thousand million, well past the time limit of a test.
  const scopes = Array.from({ length: 100_000 }, (_, number) => String(number));
  expect(check({ subject: { scopes }, claims: { scopes: scopes.toReversed() } })).not.toThrow();
});

describe("never wider", () => {
  const actor = fc.constantFrom(gateway, batch, { ...batch, clientId: "gw" });
  const bound = fc.record({
    subject: fc.record({
      subject: fc.constantFrom("alice", "alice", "alice", "bob"),
      scopes: words("a", "b", "A"),
      actors: fc.array(actor, { maxLength: 2 }),
      life: fc.option(fc.constantFrom(life, { issuedAt: now - 60, expiresAt: now + 60 }), { nil: undefined }),
    }),
    requester: fc.constantFrom("one", "two"),
    // Mostly what can be kept to, or hardly anything would be handed out.
    recipients: fc.array(fc.oneof({ weight: 5, arbitrary: fc.constant(["urn:a", "urn:b"]) }, words("urn:a", "urn:b")), { maxLength: 2 }),
  }) satisfies fc.Arbitrary<ExchangeBounds>;
  const answer = fc
    .record({
      subject: fc.constantFrom("alice", "alice", "alice", "bob"),
      clientId: fc.constantFrom("one", "one", "two"),
      scopes: words("a", "b", "A"),
      audiences: words("urn:a", "urn:b", "urn:c"),
      actors: fc.array(actor, { maxLength: 3 }),
      expiresAt: fc.constantFrom(now + 1, now + 60, now + 61, now + 600, now + 601),
      said: fc.option(words("a", "b", "c"), { nil: undefined }),
    })
    .map(({ said, ...given }): ExchangeAnswer => ({ claims: { ...claims, ...given }, scopes: said }));

  it("whatever a provider answers, what is handed out goes beyond neither the subject token nor what was asked", () => {
    let handedOut = 0;
    fc.assert(
      fc.property(bound, answer, (asked, answered) => {
        const passes = (() => {
          try {
            checkExchanged(asked, answered);
            return true;
          } catch {
            return false;
          }
        })();
        expect(passes).toBe(withinBounds(asked, answered));
        handedOut += passes ? 1 : 0;
      }),
      { numRuns: 20_000 },
    );
    expect(handedOut).toBeGreaterThan(20);
  });
});

const chain = (actors: readonly Actor[]) => actors.map((one) => JSON.stringify([one.issuer, one.subject, one.clientId])).join("\n");

/** The same once more, said with sets and texts. */
function withinBounds({ subject, requester, recipients }: ExchangeBounds, { claims: got, scopes }: ExchangeAnswer): boolean {
  const audiences = new Set(got.audiences);
  return (
    got.subject === subject.subject &&
    recipients.length > 0 &&
    got.clientId === requester &&
    new Set([...got.scopes, ...(scopes ?? [])]).isSubsetOf(new Set(subject.scopes)) &&
    audiences.isSubsetOf(new Set(recipients.flat())) &&
    recipients.every((values) => !audiences.isDisjointFrom(new Set(values))) &&
    `\n${chain(got.actors)}`.endsWith(`\n${chain(subject.actors)}`.trimEnd()) &&
    (subject.life === undefined || got.expiresAt <= subject.life.expiresAt)
  );
}
