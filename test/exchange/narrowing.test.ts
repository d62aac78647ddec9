import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { AudienceRule, Audiences } from "../../src/exchange/clients.ts";
import { checkScopes, narrowScopes, resourcesFor } from "../../src/exchange/narrowing.ts";
import { grantOf, outcomeOf, refusal } from "./fixtures.ts";

// A small alphabet, so that asked and configured scopes meet often enough to try both answers.
const word = fc.constantFrom("a", "b", "c", "A", "a:read", "a:write", "", "__proto__");
const words = fc.array(word, { maxLength: 6 });

describe("scopes", () => {
  it("are never wider than configured, and refused rather than cut", () => {
    fc.assert(
      fc.property(words, words, (scopes, wanted) => {
        const answer = outcomeOf(() => narrowScopes(grantOf({ scopes }), wanted));
        const configured = wanted.every((scope) => scopes.includes(scope));
        expect(answer).toEqual(configured ? (wanted.length === 0 ? scopes : wanted) : refusal("SCOPE_NOT_ALLOWED"));
      }),
    );
  });

  it("that nobody asked for are all that are configured", () => {
    expect(narrowScopes(grantOf({ scopes: ["openid", "orders:read"] }), [])).toEqual(["openid", "orders:read"]);
    expect(narrowScopes(grantOf({}), [])).toEqual([]);
  });

  it.each([["orders"], ["orders:readx"], ["Orders:read"], ["orders:read openid"], [""]])(
    "are compared whole: %j is not among them",
    (scope) => {
      expect(() => checkScopes(grantOf({ scopes: ["orders:read", "openid"] }), [scope])).toThrow(refusal("SCOPE_NOT_ALLOWED"));
    },
  );

  it("are none where none are configured", () => {
    expect(() => checkScopes(grantOf({}), ["openid"])).toThrow(refusal("SCOPE_NOT_ALLOWED"));
  });
});

const rule = (...identifiers: string[]): AudienceRule => ({ identifiers, clients: new Set() });
const audiences: Audiences = new Map([
  ["orders", new Map([["main", rule("https://orders.example", "urn:orders")]])],
  ["billing", new Map([["main", rule("https://billing.example")]])],
  ["elsewhere", new Map([["second", rule("https://elsewhere.example")]])],
]);

describe("audiences", () => {
  it("become the first identifier that the provider knows them by, in the order asked for", () => {
    const grant = grantOf({ audiences: ["orders", "billing"] });
    expect(resourcesFor(audiences, grant, "main", ["billing", "orders"])).toEqual(["https://billing.example", "https://orders.example"]);
    expect(resourcesFor(audiences, grant, "main", [])).toEqual([]);
  });

  it.each([
    ["not granted to the client", "billing", "main"],
    ["unknown", "nothing", "main"],
    ["not taken from that provider", "elsewhere", "main"],
    ["of an unknown provider", "orders", "third"],
    ["named by its identifier", "https://orders.example", "main"],
    ["a property that every object has", "__proto__", "main"],
  ])("are refused where one is %s", (_name, wanted, provider) => {
    const grant = grantOf({ audiences: ["orders", "elsewhere", "nothing"] });
    expect(() => resourcesFor(audiences, grant, provider, [wanted])).toThrow(refusal("TARGET_NOT_ALLOWED"));
    expect(() => resourcesFor(audiences, grant, provider, ["orders", wanted])).toThrow(refusal("TARGET_NOT_ALLOWED"));
  });

  it("never lead anywhere that is not granted", () => {
    const names = fc.array(fc.constantFrom("orders", "billing", "elsewhere", "nothing"), { maxLength: 4 });
    fc.assert(
      fc.property(names, names, fc.constantFrom("main", "second"), (granted, wanted, provider) => {
        const answer = outcomeOf(() => resourcesFor(audiences, grantOf({ audiences: granted }), provider, wanted));
        const identifiers = wanted.map((name) => (granted.includes(name) ? audiences.get(name)?.get(provider)?.identifiers[0] : undefined));
        expect(answer).toEqual(identifiers.includes(undefined) ? refusal("TARGET_NOT_ALLOWED") : identifiers);
      }),
    );
  });
});
