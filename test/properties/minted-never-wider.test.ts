import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { MintPlan } from "../../src/exchange/mint.ts";
import { clientId, configurations, identifierOf, names, planner, subjects, type Wish, wishes, type Written } from "./minted-world.ts";

/** Configurations, each asked several times: reading one costs more than asking. */
const runs = { numRuns: 250 };
const strict = configurations({ reportOnly: false });
const any = configurations({ reportOnly: true });
const questions = fc.array(fc.record({ subject: subjects, wish: wishes }), { minLength: 6, maxLength: 10 });
type Question = typeof questions extends fc.Arbitrary<readonly (infer T)[]> ? T : never;

const standing = ["iss", "sub", "aud", "iat", "exp", "jti", "client_id", "scope", "act", "may_act"];
const within = (these: readonly string[], those: readonly string[] = []): boolean => new Set(these).isSubsetOf(new Set(those));
const secondsOf: Readonly<Record<string, number>> = { "1m": 60, "5m": 300, "10m": 600, "15m": 900, "1h": 3_600, "24h": 86_400 };
const inSeconds = (text: string | undefined): number => (text === undefined ? Infinity : (secondsOf[text] ?? Number.NaN));

const mintOf = ({ audiences }: Written, { audience }: Wish) => audiences[audience]?.mint;
const grantOf = ({ clients }: Written, { subject: { provider } }: Question) => clients[clientId]?.providers[provider];

/** What a subject opens, from the configuration as it is written. */
function openedBy(written: Written, { subject: { provider, scopes }, wish }: Question): readonly string[] {
  if (provider === "cambio") return scopes;
  const source = mintOf(written, wish)?.from[provider];
  return [...(source?.scopes ?? []), ...scopes.flatMap((scope) => source?.scope_map?.[scope] ?? [])];
}

/** From the configuration as it is written; nobody new is always listed. */
function isListed(written: Written, { subject: { provider }, wish }: Question): boolean {
  const { actor } = wish;
  if (actor === undefined) return true;
  return (mintOf(written, wish)?.actors ?? []).some(({ clients = [], subjects: listed = [], ...rule }) => {
    if (rule.provider !== actor.provider || !rule.for.includes(provider) || clients.length + listed.length === 0) return false;
    const byClient = clients.length === 0 || clients.includes(actor.clientId);
    return byClient && (listed.length === 0 || listed.includes(actor.subject));
  });
}

/** All that goes beyond something, in words; empty: nothing does. */
function excessOf(written: Written, question: Question, { claims, scopes }: MintPlan): readonly string[] {
  const { subject, wish } = question;
  const [mint, grant] = [mintOf(written, wish), grantOf(written, question)];
  const { iat, exp } = claims as { readonly iat: number; readonly exp: number };
  const holds: Readonly<Record<string, boolean>> = {
    "opened scopes": within(scopes, openedBy(written, question)),
    "the client's scopes": within(scopes, grant?.scopes),
    "the scopes that were asked for": wish.scopes.length === 0 || within(scopes, wish.scopes),
    "the scopes that are told": (claims["scope"] ?? "") === scopes.join(" "),
    "the audience": claims["aud"] === identifierOf(wish.audience),
    "the client's audiences": grant?.audiences.includes(wish.audience) === true,
    "those whose subjects get tokens": mint !== undefined && subject.provider in mint.from,
    "the audience's lifetime": exp - iat <= inSeconds(mint?.lifetime ?? "15m"),
    "the client's longest life": exp - iat <= inSeconds(grant?.max_lifetime),
    "the rest of the input's life": exp * 1_000 <= subject.expiresAtMs && exp > iat,
    "the claims of the map": within(Object.keys(claims), [...standing, ...Object.keys(mint?.from[subject.provider]?.claims ?? {})]),
    "the actors that are listed": isListed(written, question),
    "the client's handles": !wish.refreshToken || grant?.exchanged_refresh_tokens === true,
  };
  return Object.keys(holds).filter((what) => holds[what] !== true);
}

describe("a token that is issued here is never wider", () => {
  it("than its subject, its client and its audience, in anything", () => {
    const issued = { all: 0, acted: 0 };
    fc.assert(
      fc.property(strict, questions, (written, asked) => {
        const plan = planner(written);
        for (const question of asked) {
          const planned = plan({ ...question.wish, subject: question.subject });
          const excess = planned === undefined ? [] : excessOf(written, question, planned);
          expect(excess).toEqual([]);
          issued.all += Number(planned !== undefined);
          issued.acted += Number(planned !== undefined && question.wish.actor !== undefined);
        }
      }),
      runs,
    );
    // A property over refusals alone would say nothing.
    expect(issued.all).toBeGreaterThan(100);
    expect(issued.acted).toBeGreaterThan(5);
  });

  it("with all rules on trial: than its subject, and than what no trial lifts", () => {
    const lifted = new Set<string>();
    fc.assert(
      fc.property(any, questions, (written, asked) => {
        const plan = planner(written);
        for (const question of asked) {
          const planned = plan({ ...question.wish, subject: question.subject });
          for (const excess of planned === undefined ? [] : excessOf(written, question, planned)) lifted.add(excess);
        }
      }),
      runs,
    );
    expect(lifted).toEqual(new Set(["the client's scopes", "the client's audiences"]));
  });

  it("where something is taken from the client", () => {
    fc.assert(
      fc.property(strict, questions, fc.constantFrom(...names.scopes), (written, asked, scope) => {
        const smaller = structuredClone(written);
        for (const grant of Object.values(smaller.clients[clientId]?.providers ?? {}))
          grant.scopes = (grant.scopes ?? []).filter((one) => one !== scope);
        const [before, after] = [planner(written), planner(smaller)];
        for (const { subject, wish } of asked) {
          const left = after({ ...wish, subject })?.scopes;
          expect(within(left ?? [], before({ ...wish, subject })?.scopes)).toBe(true);
        }
      }),
      runs,
    );
  });

  it("by a refresh, whatever the subject opens and the client may have by then", () => {
    let renewed = 0;
    fc.assert(
      fc.property(any, any, questions, (written, later, asked) => {
        const [begin, renew] = [planner(written), planner(later)];
        for (const { subject, wish } of asked) {
          const first = begin({ ...wish, subject });
          for (const scopes of first === undefined ? [] : [[], wish.scopes, [...names.scopes]]) {
            const fresh = renew({ ...wish, subject, actor: undefined, scopes, within: first?.scopes ?? [] });
            const opened = openedBy(later, { subject, wish });
            expect([within(fresh?.scopes ?? [], first?.scopes), within(fresh?.scopes ?? [], opened)]).toEqual([true, true]);
            renewed += Number(fresh !== undefined);
          }
        }
      }),
      runs,
    );
    expect(renewed).toBeGreaterThan(50);
  });
});
