import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { AudienceRule, Audiences } from "../../src/exchange/clients.ts";
import { audiencesBeyond, outlives, recipientsBeyond, resourceOf, scopesBeyond } from "../../src/exchange/narrowing.ts";
import { grantOf } from "./fixtures.ts";

// A small alphabet, so that asked and configured names meet often enough to try both answers.
const word = fc.constantFrom("a", "b", "c", "A", "a:read", "a:write", "", "__proto__");
const words = fc.array(word, { maxLength: 6 });

describe.each([
  ["scopes", (granted: readonly string[], wanted: readonly string[]) => scopesBeyond(grantOf({ scopes: granted }), wanted)],
  ["audiences", (granted: readonly string[], wanted: readonly string[]) => audiencesBeyond(grantOf({ audiences: granted }), wanted)],
])("%s", (_name, beyond) => {
  it("beyond the grant are named all, and nothing within it is", () => {
    fc.assert(
      fc.property(words, words, (granted, wanted) => {
        const answer = beyond(granted, wanted);
        expect(new Set(answer)).toEqual(new Set(wanted).difference(new Set(granted)));
      }),
    );
  });

  it.each([["orders"], ["orders:readx"], ["Orders:read"], ["orders:read openid"], [" orders:read"], [""]])(
    "are compared whole: %j is not among them",
    (name) => {
      expect(beyond(["orders:read", "openid"], ["openid", name])).toEqual([name]);
    },
  );

  it("are none where none are configured", () => {
    expect(beyond([], ["openid"])).toEqual(["openid"]);
  });
});

const rule = (...identifiers: string[]): AudienceRule => ({
  identifiers,
  clients: new Set(),
  reportOnly: false,
  exchangeAs: undefined,
});
const audiences: Audiences = new Map([
  ["orders", new Map([["main", rule("https://orders.example", "urn:orders", "urn:shared")]])],
  ["billing", new Map([["main", rule("https://billing.example", "urn:shared")]])],
  ["elsewhere", new Map([["second", rule("https://elsewhere.example")]])],
]);

describe("the resource of an audience", () => {
  it("is the first identifier that the provider knows it by", () => {
    expect(resourceOf(audiences, "main", "orders")).toBe("https://orders.example");
  });

  it.each([
    ["unknown", "nothing", "main"],
    ["not taken from that provider", "elsewhere", "main"],
    ["of an unknown provider", "orders", "third"],
    ["named by its identifier", "https://orders.example", "main"],
    ["a property that every object has", "__proto__", "main"],
  ])("is none where the audience is %s", (_name, wanted, provider) => {
    expect(resourceOf(audiences, provider, wanted)).toBeUndefined();
  });
});

const recipients = (granted: readonly string[], aud: readonly string[]) =>
  recipientsBeyond(audiences, grantOf({ audiences: granted }), { provider: "main", aud });

describe("the recipients of a token", () => {
  it.each([
    ["another audience's identifier", ["orders"], ["https://billing.example"], ["https://billing.example"]],
    [
      "another audience's identifier behind one of its own",
      ["orders"],
      ["urn:orders", "https://billing.example"],
      ["https://billing.example"],
    ],
    ["any configured identifier, where nothing is granted", [], ["urn:orders"], ["urn:orders"]],
    ["a shared identifier, where neither audience is granted", [], ["urn:shared"], ["urn:shared"]],
    ["a granted audience that nobody configured", ["nothing"], ["https://billing.example"], ["https://billing.example"]],
  ])("go beyond the grant by %s", (_name, granted, aud, expected) => {
    expect(recipients(granted, aud)).toEqual(expected);
  });

  it.each([
    ["its own identifiers", ["orders"], ["https://orders.example", "urn:orders"]],
    ["an identifier that it shares with another audience", ["orders"], ["urn:shared"]],
    ["something that means no audience here", ["orders"], ["account"]],
    ["what is an audience only at another provider", ["orders"], ["https://elsewhere.example"]],
  ])("stay within the grant with %s", (_name, granted, aud) => {
    expect(recipients(granted, aud)).toEqual([]);
  });
});

describe("the life of a token", () => {
  it.each([
    [undefined, undefined, false],
    [undefined, Number.MAX_SAFE_INTEGER, false],
    [60_000, 59_999, false],
    [60_000, 60_000, false],
    [60_000, 60_001, true],
    [60_000, undefined, true],
  ])("of which at most %j is allowed and %j is left is too long: %j", (maxLifetimeMs, left, expected) => {
    expect(outlives(grantOf({ maxLifetimeMs }), left)).toBe(expected);
  });

  it("that does not compare is too long, not fine", () => {
    expect(outlives(grantOf({ maxLifetimeMs: 60_000 }), Number.NaN)).toBe(true);
  });
});
