// The ban of an address that draws too many answers of 401, 403 and 429: from then on what stands in front of the provider answers, with
// a page instead of JSON, until enough of them are older than ten minutes.

import type { UpstreamReply } from "./fake-upstream-server.ts";

const windowMs = 10 * 60_000;
const bad = [401, 403, 429];

export function createFakeBan(after: number, clock: () => number) {
  const times: number[] = [];

  function count(): number {
    while ((times[0] ?? Infinity) <= clock() - windowMs) times.shift();
    return times.length;
  }

  const banned = (): boolean => count() >= after;

  return {
    count,
    banned,
    note(status: number): void {
      if (bad.includes(status)) times.push(clock());
    },
    refusal(): UpstreamReply | undefined {
      if (!banned()) return undefined;
      const body = "<!doctype html><title>Access denied</title><h1>Error 1015</h1><p>You are being rate limited.</p>";
      return { status: 429, body, headers: { "retry-after": "3600" } };
    },
  };
}
