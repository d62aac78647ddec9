// Mission S1 whole, as one table that Cambio passes with a real Keycloak and with its stand-in. Each case has a Cambio of its own.

import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { endingCases, keyCases } from "./s1-ending-cases.ts";
import { exchangeCases, refusedExchangeCases } from "./s1-exchange-cases.ts";
import { refreshCases } from "./s1-refresh-cases.ts";
import { readable } from "./s1-answer.ts";
import { type S1Case } from "./s1-case.ts";
import { type S1Stack, startS1Stack, type Told } from "./s1-stack.ts";
import { addressCases, validationCases } from "./s1-validation-cases.ts";
import type { World } from "./world.ts";

const tables = {
  "validating another client's token": validationCases,
  "inside and outside addresses": addressCases,
  "what ends at Keycloak": endingCases,
  "another signing key": keyCases,
  exchange: exchangeCases,
  "exchange, refused": refusedExchangeCases,
  "refresh after an exchange": refreshCases,
};

type CaseIn<W> = Omit<S1Case, "act"> & { readonly act: (cambio: S1Stack, world: W) => Promise<readonly Told[]> };

/** @param further tables of cases that only such a world can play */
export function runS1Cases<W extends World>(start: () => Promise<W>, further: Readonly<Record<string, readonly CaseIn<W>[]>> = {}): void {
  let world: W;

  beforeAll(async () => {
    world = await start();
  });
  afterEach(() => world.operator.restore());
  afterAll(() => world.close());

  describe.each(Object.entries<readonly CaseIn<W>[]>({ ...tables, ...further }))("%s", (_about, cases) => {
    it.each(cases)("$name", async ({ act, answers, logged = {}, ...options }) => {
      const cambio = await startS1Stack(world, options);
      try {
        expect((await act(cambio, world)).map((told) => readable(world, told))).toEqual(answers);
        expect(cambio.lastCall()).toMatchObject(logged);
      } finally {
        await cambio.close();
      }
    });
  });
}
