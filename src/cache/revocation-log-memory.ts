// The log of revocations in process memory: the authority where there is neither database nor Redis, so for one replica only,
// and until it ends. It forgets what is expired and nothing else: when there is no room it says so.

import type { Clock, Revocation } from "../exchange/ports.ts";
import type { RevocationLog } from "../exchange/revocation-ports.ts";
import { combined } from "../exchange/revoked.ts";
import { storeUnavailable } from "../exchange/store-unavailable.ts";

/** As many as a follower holds. */
const maxEntries = 1_000_000;
/** There is one log, and it begins with the process. */
const log = "process";

/** Accounts, and what is said of them, are in a database only. */
interface Entry {
  readonly seq: number;
  readonly revocation: Revocation;
}

export interface RevocationLogMemoryParts {
  readonly clock: Clock;
  readonly maxEntries?: number;
}

export function createRevocationLogMemory({ clock, ...options }: RevocationLogMemoryParts): RevocationLog {
  const limit = options.maxEntries ?? maxEntries;
  // In the order of numbers, as an entry that says more takes a new place at the end.
  const entries = new Map<string, Entry>();
  let seq = 0;
  let fullUntilMs = 0;

  function makeRoom(): void {
    if (entries.size < limit) return;
    const nowMs = clock();
    // Nothing has expired since it was last looked through in vain.
    if (nowMs < fullUntilMs) throw storeUnavailable({ code: "FULL", outcome: "refused" });
    fullUntilMs = Infinity;
    for (const [name, { revocation }] of entries) {
      if (nowMs >= revocation.expiresAt * 1_000) entries.delete(name);
      else fullUntilMs = Math.min(fullUntilMs, revocation.expiresAt * 1_000);
    }
    if (entries.size >= limit) throw storeUnavailable({ code: "FULL", outcome: "refused" });
  }

  return {
    async append(revocation) {
      const name = JSON.stringify([revocation.kind, revocation.provider, revocation.id]);
      const old = entries.get(name);
      if (old === undefined) makeRoom();
      seq += 1;
      entries.delete(name);
      entries.set(name, { seq, revocation: combined(revocation, old?.revocation) });
      return { log, seq };
    },
    async readSince(since, most) {
      const found: Entry[] = [];
      if (since < seq) {
        for (const entry of entries.values()) {
          if (entry.seq > since) found.push(entry);
          if (found.length === most) break;
        }
      }
      return { head: { log, seq }, entries: found };
    },
  };
}
