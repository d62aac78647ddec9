import * as fc from "fast-check";
import { stringify } from "yaml";
import { expect, it } from "vitest";
import { compilePolicy } from "../../src/policy/compile.ts";
import { load } from "../config/given.ts";
import { outcomeOf } from "../exchange/fixtures.ts";
import type { Configuration } from "../../src/config/schema.ts";

const ids = fc.constantFrom("u1", "a:u1", "b:u1", "a:b:u1", "b:a:u1", ":u1", "", "A:u1");
const prefixes = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom("a:", "b:", "ab:") },
  fc.constantFrom(undefined, "a:b:", "", "A:", "a", "\u0061\u0301:"),
);
const providers = ["one", "two", "three"];
type Prefixes = readonly (string | undefined)[];
type From = readonly (readonly string[])[];

it("two users of two providers never share a `sub` under a configuration that is accepted", () => {
  const accepted = new Set<number>();
  fc.assert(
    fc.property(
      fc.tuple(prefixes, prefixes, prefixes),
      fc.array(fc.subarray(providers, { minLength: 1 }), { minLength: 1, maxLength: 2 }),
      fc.tuple(ids, ids),
      (given, from, users) => {
        const loaded = outcomeOf(() => load({ text: fileWith(given, from) }));
        if (loaded instanceof Error) return;
        accepted.add(new Set(from.flat()).size);
        const owners = new Map<string, string>();
        for (const { from: sources } of compilePolicy(loaded as Configuration).minting.values()) {
          for (const [name, { subjectPrefix }] of sources) {
            for (const user of name === "cambio" ? [] : users) {
              const sub = subjectPrefix + user;
              expect(owners.get(sub) ?? `${name} ${user}`).toBe(`${name} ${user}`);
              owners.set(sub, `${name} ${user}`);
            }
          }
        }
      },
    ),
    { numRuns: 200 },
  );
  // Those with one, two and three of them.
  expect(accepted).toEqual(new Set([1, 2, 3]));
});

const audience = (names: readonly string[], index: number) => ({
  accepts: { cambio: { identifiers: [`urn:${index}`], clients: [] } },
  mint: { from: Object.fromEntries([...names, "cambio"].map((name) => [name, {}])) },
});

function fileWith(given: Prefixes, from: From): string {
  const provider = (index: number) => ({
    ...(index === 0 ? { kind: "better-auth" } : { kind: "oidc", client: { id: "x", secret: "unused" } }),
    issuer: `https://${index}.example.com`,
    ...(given[index] === undefined ? {} : { subject_prefix: given[index] }),
  });
  return stringify({
    server: { issuer: "https://cambio.example.com" },
    sealing: { keys: [{ id: "1", key: Buffer.alloc(32, "0123456789abcdef").toString("base64url") }] },
    database: { file: "cambio.sqlite" },
    signing: {},
    providers: Object.fromEntries(providers.map((name, index) => [name, provider(index)])),
    audiences: Object.fromEntries(from.map((names, index) => [`to-${index}`, audience(names, index)])),
    clients: {},
  });
}
