import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { configurationSchema } from "../../src/config/schema.ts";
import type { Rule } from "../../src/policy/rule.ts";
import { type Asked, ask, clientId, configurations, excessOf, questions, type Written } from "./arbitrary.ts";

const runs = { numRuns: 3_000 };
const strict = configurations({ reportOnly: false });
const any = configurations({ reportOnly: true });
const allows = (written: Written, asked: Asked): boolean => ask(written, asked).refusal === undefined;

/** Every list and every map in which an entry can be taken away, as a way of taking one. */
function removals(value: unknown): (() => void)[] {
  if (Array.isArray(value)) return value.map((_, index) => () => void value.splice(index, 1));
  if (typeof value !== "object" || value === null) return [];
  const map = value as Record<string, unknown>;
  return Object.entries(map).flatMap(([key, inner]) => [
    ...(typeof inner === "object" && inner !== null && !Array.isArray(inner) && key !== "accepts" ? [() => void delete map[key]] : []),
    ...removals(inner),
  ]);
}

/** The configuration without one of its entries; the client itself stays, or there would be nobody to ask for. */
function without(written: Written, choice: number, part: "clients" | "everything"): Written {
  const smaller = structuredClone({ clients: written.clients, audiences: written.audiences });
  const client = smaller.clients[clientId];
  if (client === undefined) throw new Error("no client");
  const { providers, ...lists } = client;
  // A report-only rule is no permission by itself, but taking it away is taking away.
  const ways = [
    ...removals({ ...lists }),
    ...removals(providers),
    ...(part === "everything" ? removals(smaller.audiences) : []),
    ...(part === "everything" ? Object.keys(smaller.audiences).map((name) => () => void delete smaller.audiences[name]) : []),
    ...Object.keys(providers).map((name) => () => void delete providers[name]),
  ];
  ways[choice % Math.max(1, ways.length)]?.();
  return smaller;
}

describe("never wider", () => {
  it("what is allowed goes beyond nothing that is configured, and what goes beyond nothing is allowed", () => {
    let allowed = 0;
    fc.assert(
      fc.property(strict, questions, (written, asked) => {
        const { refusal, reported } = ask(written, asked);
        const excess = excessOf(written, asked).map(({ rule }) => rule);
        expect(refusal === undefined).toBe(excess.length === 0);
        expect(excess).toEqual(expect.arrayContaining(refusal === undefined ? [] : [refusal.rule]));
        expect(reported).toEqual([]);
        allowed += refusal === undefined ? 1 : 0;
      }),
      runs,
    );
    // A property over refusals alone would say nothing.
    expect(allowed).toBeGreaterThan(50);
  });

  it("taking any entry away never allows more", () => {
    const kinds = new Set<string>();
    fc.assert(
      fc.property(any, questions, fc.nat(), (written, asked, choice) => {
        // An identifier that no audience has means nothing here, so for a result only the client's own entries count.
        const smaller = without(written, choice, asked.kind === "result" ? "clients" : "everything");
        const still = allows(smaller, asked);
        expect(still && !allows(written, asked)).toBe(false);
        if (still) kinds.add(asked.kind);
      }),
      // The rarest kind, a token, is allowed in one question of five hundred.
      { numRuns: 5 * runs.numRuns },
    );
    expect(kinds.size).toBe(5);
  });

  it("a longest life, or a shorter one, never allows more", () => {
    fc.assert(
      fc.property(any, questions, fc.constantFrom(60_000, 600_000), (written, asked, shorter) => {
        const smaller = structuredClone({ clients: written.clients, audiences: written.audiences });
        for (const grant of Object.values(smaller.clients[clientId]?.providers ?? {})) {
          grant.max_lifetime = Math.min(grant.max_lifetime ?? shorter, shorter);
        }
        expect(allows(smaller, asked) && !allows(written, asked)).toBe(false);
      }),
      runs,
    );
  });

  it("disabling a client ends everything, whatever else is listed and whatever only reports", () => {
    fc.assert(
      fc.property(any, questions, (written, asked) => {
        const disabled = structuredClone({ clients: written.clients, audiences: written.audiences });
        for (const client of Object.values(disabled.clients)) client.disabled = true;
        expect(ask(disabled, asked).refusal).toEqual({
          rule: `clients.${clientId}.disabled`,
          reason: "CALLER_NOT_ALLOWED",
          field: "CALLER",
        });
      }),
      runs,
    );
  });

  it("an empty configuration allows nothing", () => {
    fc.assert(
      fc.property(questions, fc.constantFrom("service", "browser", "native"), (asked, kind) => {
        const empty = configurationSchema.parse({ providers: {}, clients: { [clientId]: { kind } } });
        expect(allows(empty, asked)).toBe(false);
      }),
      runs,
    );
  });
});

describe("a rule in report-only mode", () => {
  it("lets pass exactly what it alone would refuse, and reports exactly that", () => {
    let reports = 0;
    fc.assert(
      fc.property(any, questions, (written, asked) => {
        const { refusal, reported } = ask(written, asked);
        const excess = excessOf(written, asked);
        const hard = excess.filter(({ reportOnly }) => !reportOnly).map(({ rule }) => rule);
        const soft = excess.filter(({ reportOnly }) => reportOnly).map(({ rule }) => rule);
        const told = reported.map(({ rule }) => rule);
        expect(refusal === undefined).toBe(hard.length === 0);
        expect(hard).toEqual(expect.arrayContaining(refusal === undefined ? [] : [refusal.rule]));
        // Behind a refusal nothing more is looked at.
        expect(soft).toEqual(expect.arrayContaining(told));
        expect(told.toSorted()).toEqual(refusal === undefined ? soft.toSorted() : told.toSorted());
        reports += told.length;
      }),
      runs,
    );
    expect(reports).toBeGreaterThan(50);
  });

  it("is never one of those that say who is asking, from where, and whose the token is", () => {
    const seen = new Set<string>();
    const everything = { methods: true, scopes: true, audiences: true, max_lifetime: true };
    fc.assert(
      fc.property(strict, questions, (written, asked) => {
        const tried = structuredClone({ clients: written.clients, audiences: written.audiences });
        for (const client of Object.values(tried.clients)) client.report_only = Object.keys(everything) as (keyof typeof everything)[];
        for (const audience of Object.values(tried.audiences)) {
          for (const rule of Object.values(audience.accepts)) rule.report_only = true;
        }
        const { refusal, reported } = ask(tried, asked);
        for (const { rule } of reported) expect(rule).toMatch(/\.(methods|scopes|audiences|max_lifetime|clients)$/);
        if (refusal !== undefined) seen.add(refusal.rule.replaceAll(/main|second|orders|payroll|unknown/g, "*"));
      }),
      // The rarest of the rules below is what refuses in one question of five hundred.
      { numRuns: 3 * runs.numRuns },
    );
    expect(seen).toEqual(
      new Set([
        "clients.some.disabled",
        "clients.some.origins",
        "clients.some.providers.*",
        "clients.some.providers.*.redirect_uris",
        "clients.some.audiences",
        "audiences.*.accepts.*",
        "audiences.*.accepts.*.identifiers",
        "required_scopes",
        "audiences",
        "audiences.*.accepts.*.exchange_as",
        "subject_token scope",
        "clients.some.providers.*.exchanged_refresh_tokens",
      ]),
    );
  });
});

describe("a decision", () => {
  it("is the same for the same question, and leaves what it was given as it was", () => {
    fc.assert(
      fc.property(any, questions, questions, (written, asked, another) => {
        const before = structuredClone({ clients: written.clients, audiences: written.audiences });
        const frozen = [written, asked, another].map(freeze) as [Written, Asked, Asked];
        const first = ask(frozen[0], frozen[1]);
        ask(frozen[0], frozen[2]);
        expect(ask(frozen[0], frozen[1])).toEqual(first);
        expect({ clients: written.clients, audiences: written.audiences }).toEqual(before);
      }),
      { numRuns: 500 },
    );
  });

  it("names the rule that was looked at last, and tells of each rule on the way there", () => {
    fc.assert(
      fc.property(any, questions, (written, asked) => {
        const looked: Rule[] = [];
        const { rule, refusal, reported } = ask(written, asked, (one) => looked.push(one));
        expect(looked.at(-1)?.path).toBe(rule);
        expect(looked.filter((one) => !one.holds).map((one) => one.path)).toEqual(
          [...reported, ...(refusal ? [refusal] : [])].map((one) => one.rule),
        );
      }),
      { numRuns: 500 },
    );
  });
});

function freeze<T>(value: T): T {
  if (typeof value === "object" && value !== null) {
    Object.freeze(value);
    for (const inner of Object.values(value)) freeze(inner);
  }
  return value;
}
