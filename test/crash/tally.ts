// What a run counts, and how it is told.

export interface Tally {
  kills: number;
  calls: number;
  /** The replica was killed before its answer was read. */
  answersLost: number;
  /** Refused in a way that leaves everything as it was, and asked again: by reason. */
  readonly turnedAway: Map<string, number>;
  /** How many generations had so many successors. */
  readonly successors: Map<number, number>;
  /** Refusals of a handle that was good: by reason. */
  readonly grantsLost: Map<string, number>;
  families: number;
}

export function createTally(): Tally {
  return { kills: 0, calls: 0, answersLost: 0, turnedAway: new Map(), successors: new Map(), grantsLost: new Map(), families: 0 };
}

export function count<K>(counts: Map<K, number>, what: K): void {
  counts.set(what, (counts.get(what) ?? 0) + 1);
}

export function tell(tally: Tally): string {
  const { kills, calls, answersLost, families, turnedAway, successors, grantsLost } = tally;
  return [
    `kills ${kills}`,
    `calls ${calls}`,
    `answers lost ${answersLost}`,
    `asked again otherwise ${list(turnedAway)}`,
    `families ${families}`,
    `successors per generation ${list(successors)}`,
    `grants lost ${list(grantsLost)}`,
  ].join(", ");
}

export function list(counts: ReadonlyMap<unknown, number>): string {
  return counts.size === 0 ? "0" : [...counts].map(([what, often]) => `${String(what)} (${often} times)`).join(" ");
}
