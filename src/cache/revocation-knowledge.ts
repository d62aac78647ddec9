// What a replica knows to be revoked, in memory, as the synchronous check wants it: two lookups. It owns the rule of what a
// revocation refuses and what may be forgotten; where the knowledge comes from is revocations.ts, and what two revocations of one
// thing say together is exchange/revoked.ts.

import type { RevocableToken, Revocation } from "../exchange/ports.ts";
import { combined } from "../exchange/revoked.ts";

export interface RevocationKnowledge {
  /** How many are held. */
  readonly size: number;
  /** True: adding it would change nothing. */
  covers(revocation: Revocation): boolean;
  add(revocation: Revocation): void;
  refuses(token: RevocableToken): boolean;
  /** Looks at the next `steps` of what is held, round and round, and forgets those of them that are expired. */
  forgetExpired(nowMs: number, steps: number): void;
}

/** Of one provider, by id: an id means nothing at another, which may use it again. */
type Shelf = Readonly<Record<Revocation["kind"], Map<string, Revocation>>>;

export function createRevocationKnowledge(): RevocationKnowledge {
  const shelves = new Map<string, Shelf>();
  let held = 0;
  let sweep = sweepOnce();

  function shelfOf(provider: string): Shelf {
    const shelf = shelves.get(provider) ?? { token: new Map<string, Revocation>(), subject: new Map<string, Revocation>() };
    shelves.set(provider, shelf);
    return shelf;
  }

  /** Maps may lose entries while they are walked, so a sweep goes on where it stopped, whatever came in between. */
  function* sweepOnce(): Generator<undefined, void, number> {
    for (const { token, subject } of shelves.values()) {
      for (const id of token.keys()) forgetAt(yield, token, id);
      for (const id of subject.keys()) forgetAt(yield, subject, id);
    }
  }

  function forgetAt(nowMs: number, from: Map<string, Revocation>, id: string): void {
    if (nowMs >= (from.get(id)?.expiresAt ?? Infinity) * 1_000 && from.delete(id)) held -= 1;
  }

  return {
    get size() {
      return held;
    },
    covers(revocation) {
      const { kind, provider, id } = revocation;
      const known = shelves.get(provider)?.[kind].get(id);
      return known !== undefined && saysTheSame(combined(known, revocation), known);
    },
    add(revocation) {
      const { kind, provider, id } = revocation;
      const known = shelfOf(provider)[kind];
      const before = known.size;
      // Never weaker than it was: entries may come twice and out of order.
      known.set(id, combined(revocation, known.get(id)));
      held += known.size - before;
    },
    refuses({ provider, id, subject, issuedAt }) {
      const shelf = shelves.get(provider);
      if (shelf === undefined) return false;
      if (shelf.token.has(id)) return true;
      const epoch = shelf.subject.get(subject);
      return epoch?.kind === "subject" && issuedAt <= epoch.until;
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

/** Of two about the same thing. */
function saysTheSame(one: Revocation, other: Revocation): boolean {
  return one.expiresAt === other.expiresAt && untilOf(one) === untilOf(other);
}

function untilOf(revocation: Revocation): number | undefined {
  return revocation.kind === "subject" ? revocation.until : undefined;
}
