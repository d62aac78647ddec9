// Waiting for something that happens by itself, at a pace and no longer than a limit: for what has no event to wait for.

import { setTimeout as wait } from "node:timers/promises";

const everyMs = 10;

/** @throws Error where it has not happened within the limit */
export async function eventually(what: string, happened: () => boolean | Promise<boolean>, limitMs = 8_000): Promise<void> {
  const until = performance.now() + limitMs;
  while (!(await happened())) {
    if (performance.now() > until) throw new Error(`${what} did not happen within ${limitMs} ms`);
    await wait(everyMs);
  }
}
