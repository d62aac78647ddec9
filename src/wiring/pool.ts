// Part of the composition root: what is made from a piece of configuration and goes on as long as that piece does not change. A
// reload must not forget the keys of a provider that is away just then.

import { fingerprint } from "../config/fingerprint.ts";

export interface Pool<Settings, Made> {
  /** By name. What did not change is what is there already. */
  take(wanted: readonly (readonly [name: string, settings: Settings])[]): ReadonlyMap<string, Made>;
  /** Closes what nobody who took it holds any longer. */
  release(taken: ReadonlyMap<string, Made>): Promise<void>;
}

export function createPool<Settings, Made extends { close(): Promise<void> }>(
  make: (name: string, settings: Settings) => Made,
): Pool<Settings, Made> {
  const byIdentity = new Map<string, { readonly made: Made; holders: number }>();
  return {
    take(wanted) {
      const taken = wanted.map(([name, settings]) => {
        const identity = fingerprint([name, settings]);
        const held = byIdentity.get(identity) ?? { made: make(name, settings), holders: 0 };
        held.holders += 1;
        byIdentity.set(identity, held);
        return [name, held.made] as const;
      });
      return new Map(taken);
    },
    async release(taken) {
      const gone = new Set(taken.values());
      const unused: Made[] = [];
      for (const [identity, held] of byIdentity) {
        if (!gone.has(held.made)) continue;
        held.holders -= 1;
        if (held.holders > 0) continue;
        byIdentity.delete(identity);
        unused.push(held.made);
      }
      await Promise.all(unused.map((made) => made.close()));
    },
  };
}
