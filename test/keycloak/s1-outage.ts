// Keycloak killed, and frozen, under load. Known tokens go on for as long as is stated (docs/operations.md); after that the answer is that
// nobody can decide. Never a wrong yes, never a wrong no, never a wait past the deadline; and all is well again without a restart.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { eventually } from "../support/eventually.ts";
import type { OutageWorld } from "./outage-world.ts";
import { changeProvider } from "./s1-case.ts";
import {
  callOnce,
  type Cambios,
  endedTokens,
  forgeries,
  kinds,
  type Kind,
  load,
  manyTokens,
  type OneCall,
  type Tokens,
} from "./s1-load.ts";
import { startS1Stack } from "./s1-stack.ts";

const minute = 60_000;
const callsPerPhase = 200;
/** Each of these waits for its whole time. */
const callsPerFrozenPhase = 16;
/** What a busy machine adds on the way there and back. */
const onTheWayMs = 1_500;
/** With a start of a real Keycloak in it, on a machine that has more to do. */
const testLimitMs = 120_000;
/** Tokens outlive all leaps of the clock. What comes out of an exchange lives a little less. */
const lifeSeconds = 6 * 3_600;

export interface OutageLimits {
  /** Of a call to Keycloak. */
  readonly upstreamMs: number;
  /** Of a call to Cambio. */
  readonly deadlineMs: number;
}

export function runOutage(start: () => Promise<OutageWorld>, { upstreamMs, deadlineMs }: OutageLimits): void {
  const parts = new AsyncDisposableStack();
  let world: OutageWorld;
  let cambios: Cambios;
  let tokens: Tokens;

  beforeAll(async () => {
    world = await start();
    parts.defer(() => world.close());
    await world.operator.lifespan("storefront", lifeSeconds);
    await world.operator.lifespan("orders", lifeSeconds - 60);
    const startOne = async (introspection: "none" | "every") => {
      const stack = await startS1Stack(world, {
        change: (configuration) => ({
          ...changeProvider((corp) => ({ ...corp, introspection, timeout: upstreamMs }))(configuration),
          server: { ...configuration.server, deadline: deadlineMs },
        }),
      });
      parts.defer(() => stack.close());
      return stack;
    };
    cambios = { byKeys: await startOne("none"), byAsking: await startOne("every") };
  });
  afterAll(() => parts.disposeAsync());

  /** Other tokens than before; the known ones are shown. */
  async function renew(): Promise<void> {
    const [known, fresh, ended] = [await manyTokens(world, 10), await manyTokens(world, 10), await endedTokens(world)];
    tokens = { known, fresh, forged: forgeries(known), ended };
    for (const token of known) await Promise.all([cambios.byKeys.validate(token), cambios.byAsking.validate(token)]);
  }

  function leap(ms: number): void {
    for (const { time } of Object.values(cambios)) (time as { aheadMs: number }).aheadMs += ms;
  }

  /** Without a restart; Cambio itself waits up to half a minute before it asks again for what failed. */
  async function recovered(): Promise<void> {
    leap(31_000);
    for (const kind of kinds)
      await eventually(`${kind} is decided again`, async () => (await callOnce(cambios, tokens, kind)).verdict === "right", 30_000);
  }

  describe.each([
    { how: "killed", away: () => world.stop(), back: () => world.start(), count: callsPerPhase },
    { how: "frozen", away: async () => world.freeze(), back: async () => world.thaw(), count: callsPerFrozenPhase },
  ])("$how under load", ({ away, back, count }) => {
    it(
      "goes on with what it knows for the stated time, then says that it cannot decide, and is well again by itself",
      { timeout: testLimitMs },
      async () => {
        // 1. All is well.
        await renew();
        const before = await load(cambios, tokens, count);
        expect(summary(before)).toEqual(always("right"));

        // 2. It goes away in the middle of a load. What was verified within a minute works, and by keys everything.
        await renew();
        const during = load(cambios, tokens, count);
        await away();
        const calls = [...before, ...(await during)];
        const first = await load(cambios, tokens, count);
        expect(summary(first)).toMatchObject({ ...byKeys, "known by asking": "right", ended: "undecided", "swap of ended": "undecided" });

        // 3. A minute later nothing is known by asking any more.
        leap(minute + 1_000);
        const second = await load(cambios, tokens, count);
        expect(summary(second)).toEqual({ ...always("undecided"), ...byKeys });

        // 4. Keys serve for ten minutes, and for an hour where there are no newer ones.
        leap(10 * minute);
        const third = await load(cambios, tokens, count);
        expect(summary(third)).toEqual({ ...always("undecided"), ...byKeys });
        leap(50 * minute);
        const fourth = await load(cambios, tokens, count);
        expect(summary(fourth)).toEqual(always("undecided"));

        // 5. It comes back in the middle of a load.
        const returning = back();
        const meanwhile = await load(cambios, tokens, returning);
        await returning;
        await recovered();
        calls.push(...first, ...second, ...third, ...fourth, ...meanwhile, ...(await load(cambios, tokens, count)));

        expect(calls.filter(({ verdict }) => verdict === "wrong")).toEqual([]);
        expect(calls.filter(({ tookMs }) => tookMs > deadlineMs + onTheWayMs)).toEqual([]);
      },
    );
  });
}

const byKeys = { "known by keys": "right", "new by keys": "right", forged: "right" } as const;

/** The verdicts of each kind, in one word where they agree. */
function summary(calls: readonly OneCall[]): Record<string, string> {
  const verdicts = (kind: Kind) =>
    [...new Set(calls.filter((call) => call.kind === kind).map(({ verdict }) => verdict))].toSorted().join(" and ");
  return Object.fromEntries(kinds.map((kind) => [kind, verdicts(kind)]));
}

function always(verdict: OneCall["verdict"]): Record<string, string> {
  return Object.fromEntries(kinds.map((kind) => [kind, verdict]));
}
