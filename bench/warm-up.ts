// The first seconds of a process go into compiling it: they are spent before anything is measured, on tokens of their own.

import type { Caller } from "./caller.ts";

/** Each is shown twice: as an unknown token and as a remembered one. */
export const warmUpTokens = 2_000;
const callsUnderWay = 16;

export async function warmUp(caller: Caller, tokens: readonly string[], exchange: boolean): Promise<void> {
  const waiting = [...tokens, ...tokens].values();
  await Promise.all(
    Array.from({ length: callsUnderWay }, async () => {
      for (const token of waiting) await caller.validate(token, exchange);
    }),
  );
}
