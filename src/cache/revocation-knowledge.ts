// What a replica knows to be revoked, in memory, as the synchronous check wants it: some lookups. It owns the rule of what a
// revocation refuses and what may be forgotten; where the knowledge comes from is revocations.ts, and what two revocations of one
// thing say together is exchange/revoked.ts.

import type { RevocableToken, Revocation } from "../exchange/ports.ts";
import type { AccountStanding } from "../exchange/revocation-ports.ts";
import { combined } from "../exchange/revoked.ts";

export interface RevocationKnowledge {
  /** How many are held. */
  readonly size: number;
  /** True: adding it would change nothing. */
  covers(revocation: Revocation): boolean;
  /** Revocations may come twice and in any order. What is said of an account replaces what was: it must come as the log has it. */
  add(what: Revocation | AccountStanding): void;
  refusal(token: RevocableToken): "TOKEN_REVOKED" | "ACCOUNT_DISABLED" | undefined;
  /** Looks at the next `steps` of what is held, round and round, and forgets those of them that are expired. */
  forgetExpired(nowMs: number, steps: number): void;
}

/** Of one provider, by id: an id means nothing at another, which may use it again. */
interface Shelf extends Readonly<Record<Revocation["kind"], Map<string, Revocation>>> {
  readonly account: Map<string, AccountStanding>;
}

export function createRevocationKnowledge(): RevocationKnowledge {
  const shelves = new Map<string, Shelf>();
  let held = 0;
  let sweep = sweepOnce();

  function shelfOf(provider: string): Shelf {
    const shelf: Shelf = shelves.get(provider) ?? { token: new Map(), subject: new Map(), account: new Map() };
    shelves.set(provider, shelf);
    return shelf;
  }

  /** Maps may lose entries while they are walked, so a sweep goes on where it stopped, whatever came in between. */
  function* sweepOnce(): Generator<undefined, void, number> {
    for (const shelf of shelves.values()) {
      for (const known of [shelf.token, shelf.subject, shelf.account]) for (const id of known.keys()) forgetAt(yield, known, id);
    }
  }

  function forgetAt(nowMs: number, from: Map<string, { readonly expiresAt: number }>, id: string): void {
    if (nowMs >= (from.get(id)?.expiresAt ?? Infinity) * 1_000 && from.delete(id)) held -= 1;
  }

  function put<T>(known: Map<string, T>, id: string, value: T): void {
    const before = known.size;
    known.set(id, value);
    held += known.size - before;
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
    add(what) {
      const shelf = shelfOf(what.provider);
      if (what.kind === "account") return put(shelf.account, what.id, what);
      const known = shelf[what.kind];
      // Never weaker than it was.
      put(known, what.id, combined(what, known.get(what.id)));
    },
    refusal({ provider, id, subject, issuedAt }) {
      const shelf = shelves.get(provider);
      if (shelf === undefined) return undefined;
      const epoch = shelf.subject.get(subject);
      const ended = shelf.token.has(id) || (epoch?.kind === "subject" && issuedAt <= epoch.until);
      // First what stays so: whoever keeps something for the user ends it by that, and not while an account is disabled.
      if (ended) return "TOKEN_REVOKED";
      const standing = shelf.account.get(subject);
      if (standing === undefined) return undefined;
      if (standing.until === undefined) return "ACCOUNT_DISABLED";
      return issuedAt <= standing.until ? "TOKEN_REVOKED" : undefined;
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
