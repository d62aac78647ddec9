// The first seconds of a process go into compiling it: they are spent before anything is measured, on tokens of their own.

import type { Caller } from "./caller.ts";
import { closedLoop } from "./closed-loop.ts";

/** Each is shown twice: as an unknown token and as a remembered one. */
export const warmUpTokens = 2_000;

export async function warmUp(caller: Caller, tokens: readonly string[], exchange: boolean): Promise<void> {
  await closedLoop([...tokens, ...tokens], (token) => caller.validate(token, exchange));
}
