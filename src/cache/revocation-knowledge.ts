// What a replica knows to be revoked, in memory, as the synchronous check wants it: two lookups. It owns the rule of what a
// revocation refuses and what may be forgotten; where the knowledge comes from is revocations.ts.

import type { RevocableToken, Revocation } from "../exchange/ports.ts";

export interface RevocationKnowledge {
  /** How many are held. */
  size(): number;
  /** True: adding it would change nothing. */
  covers(revocation: Revocation): boolean;
  add(revocation: Revocation): void;
  refuses(token: RevocableToken): boolean;
  /** Looks at the next `steps` of what is held, round and round, and forgets those of them that are expired. */
  forgetExpired(nowMs: number, steps: number): void;
}

interface Epoch {
  readonly until: number;
  readonly expiresAt: number;
}

/** Of one provider: an id means nothing at another, which may use it again. */
interface Shelf {
  /** Revocation id → expiry. */
  readonly tokens: Map<string, number>;
  readonly subjects: Map<string, Epoch>;
}

export function createRevocationKnowledge(): RevocationKnowledge {
  const shelves = new Map<string, Shelf>();
  let held = 0;
  let sweep = sweepOnce();

  function shelfOf(provider: string): Shelf {
    const shelf = shelves.get(provider) ?? { tokens: new Map<string, number>(), subjects: new Map<string, Epoch>() };
    shelves.set(provider, shelf);
    return shelf;
  }

  /** Maps may lose entries while they are walked, so a sweep goes on where it stopped, whatever came in between. */
  function* sweepOnce(): Generator<undefined, void, number> {
    for (const { tokens, subjects } of shelves.values()) {
      for (const id of tokens.keys()) forgetAt(yield, tokens, id, tokens.get(id));
      for (const id of subjects.keys()) forgetAt(yield, subjects, id, subjects.get(id)?.expiresAt);
    }
  }

  function forgetAt(nowMs: number, from: Map<string, unknown>, id: string, expiresAt = Infinity): void {
    if (nowMs >= expiresAt * 1_000 && from.delete(id)) held -= 1;
  }

  return {
    size: () => held,
    covers(revocation) {
      const shelf = shelves.get(revocation.provider);
      if (revocation.kind === "token") return (shelf?.tokens.get(revocation.id) ?? -1) >= revocation.expiresAt;
      const epoch = shelf?.subjects.get(revocation.id);
      return epoch !== undefined && epoch.until >= revocation.until && epoch.expiresAt >= revocation.expiresAt;
    },
    add(revocation) {
      const { tokens, subjects } = shelfOf(revocation.provider);
      const before = tokens.size + subjects.size;
      // Never weaker than it was: entries may come twice and out of order.
      if (revocation.kind === "token") {
        tokens.set(revocation.id, Math.max(revocation.expiresAt, tokens.get(revocation.id) ?? 0));
      } else {
        const { id, until, expiresAt } = revocation;
        const known = subjects.get(id) ?? { until, expiresAt };
        subjects.set(id, { until: Math.max(until, known.until), expiresAt: Math.max(expiresAt, known.expiresAt) });
      }
      held += tokens.size + subjects.size - before;
    },
    refuses({ provider, id, subject, issuedAt }) {
      const shelf = shelves.get(provider);
      if (shelf === undefined) return false;
      if (shelf.tokens.has(id)) return true;
      const epoch = shelf.subjects.get(subject);
      return epoch !== undefined && issuedAt <= epoch.until;
    },
    forgetExpired(nowMs, steps) {
      for (let step = 0; step < steps; step += 1) {
        if (sweep.next(nowMs).done !== true) continue;
        sweep = sweepOnce();
        return;
      }
    },
  };
}
