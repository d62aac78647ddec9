// How many requests came at one time, and within any second: what a cap on calls is held against.

const secondMs = 1_000;

export function createArrivals(clock: () => number) {
  const open = new Map<string, number>();
  const most = new Map<string, number>();
  const times = { clock: new Map<string, number[]>(), real: new Map<string, number[]>() };

  return {
    /** @returns what is to be called once the request is over */
    enter(endpoint: string): () => void {
      const now = (open.get(endpoint) ?? 0) + 1;
      open.set(endpoint, now);
      most.set(endpoint, Math.max(now, most.get(endpoint) ?? 0));
      note(times.clock, endpoint, clock());
      note(times.real, endpoint, performance.now());
      return () => void open.set(endpoint, (open.get(endpoint) ?? 1) - 1);
    },
    mostAtOnce: (endpoint: string): number => most.get(endpoint) ?? 0,
    mostWithinASecond: (endpoint: string, by: "clock" | "real"): number => mostWithin(times[by].get(endpoint) ?? []),
  };
}

function note(times: Map<string, number[]>, endpoint: string, at: number): void {
  const known = times.get(endpoint);
  if (known === undefined) times.set(endpoint, [at]);
  else known.push(at);
}

/** A second is half-open: what came exactly one second later is not within it. */
function mostWithin(times: readonly number[]): number {
  const sorted = times.toSorted((one, other) => one - other);
  let from = 0;
  let most = 0;
  for (const [index, at] of sorted.entries()) {
    while (at - (sorted[from] ?? at) >= secondMs) from += 1;
    most = Math.max(most, index - from + 1);
  }
  return most;
}
