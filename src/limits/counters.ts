// Counts by key and window of time: what this replica counted, and what the others had counted when last heard of. It owns the
// windows, their turning and the bound on keys; what a count means is rate-counters.ts and failure-budget.ts, and how replicas
// hear of each other is settlement.ts. Everything here is synchronous: no call ever waits for a count.

import { LRUCache } from "lru-cache";
import type { Clock } from "../exchange/ports.ts";

/** One window of one key, as this replica counted it: an absolute number, so that telling it twice changes nothing. */
export interface OwnCount {
  readonly key: string;
  /** Number of the window: epoch milliseconds over its length. */
  readonly window: number;
  readonly count: number;
  /** How long anybody can still want it, in milliseconds. */
  readonly lifeMs: number;
}

/** What settlement.ts needs of counters. */
export interface Settled {
  /** At most `max` counts that others have not heard, or that we want to hear about. Each is given once, unless it is `untold`. */
  news(max: number): readonly OwnCount[];
  /** @param total over all replicas, this one included */
  learn(own: OwnCount, total: number): void;
  /** It did not get through. */
  untold(own: OwnCount): void;
}

export interface Reading {
  /** Newest first, as many as there are windows. */
  readonly counts: readonly number[];
  /** Since the newest window began, below the length of a window. */
  readonly elapsedMs: number;
}

export interface Counters extends Settled {
  read(key: string): Reading;
  add(key: string): void;
}

export interface CountersShape {
  readonly windowMs: number;
  /** How many are remembered, the newest included. */
  readonly windows: number;
  /** The least recently used key goes first: it begins anew when it comes again. */
  readonly maxKeys: number;
}

interface Cell {
  own: number;
  /** The own count that the others know of. */
  told: number;
  /** True: worth asking what they have counted, although we may have nothing to tell. */
  asking: boolean;
  elsewhere: number;
}

interface Entry {
  newest: number;
  /** By window number modulo their count. */
  readonly cells: readonly Cell[];
}

export function createCounters({ windowMs, windows, maxKeys }: CountersShape, clock: Clock): Counters {
  const changed = new Set<string>();
  // Each weighs 1: for a number of entries the library would set room aside at once, for keys that may never come.
  const entries = new LRUCache<string, Entry>({
    maxSize: maxKeys,
    sizeCalculation: () => 1,
    dispose: (_, key) => void changed.delete(key),
  });
  // One window longer than it counts here, for replicas whose clocks are behind.
  const lifeMs = (windows + 1) * windowMs;
  const windowNow = () => Math.floor(clock() / windowMs);

  function emptyEntry(): Entry {
    return { newest: windowNow(), cells: Array.from({ length: windows }, emptyCell) };
  }

  function cellOf({ cells }: Entry, window: number): Cell {
    const cell = cells[window % windows];
    if (cell === undefined) throw new Error("a window without a cell");
    return cell;
  }

  /** Up to date: what is too old for any window is forgotten. */
  function turned(entry: Entry): Entry {
    const ahead = windowNow() - entry.newest;
    // A clock that was set back a little goes on in the newest window, until it has caught up with itself.
    if (ahead === 0 || (ahead < 0 && -ahead < windows)) return entry;
    const over = ahead < 0 ? windows : Math.min(ahead, windows);
    // What others counted at the end of a window is heard only after it.
    if (over < windows) cellOf(entry, entry.newest).asking = true;
    entry.newest += ahead;
    for (let back = 0; back < over; back += 1) Object.assign(cellOf(entry, entry.newest - back), emptyCell());
    return entry;
  }

  /** What is worth telling or asking of one key, the newest window first. */
  function newsOf(key: string, entry: Entry): readonly OwnCount[] {
    const all = Array.from({ length: windows }, (_, back) => entry.newest - back);
    return all.flatMap((window) => {
      const cell = cellOf(entry, window);
      const isNew = cell.own > cell.told;
      if (!isNew && !cell.asking) return [];
      // Others tell theirs at the same time: once more after the last news, and everybody has heard everybody.
      cell.asking = isNew;
      return [{ key, window, count: cell.own, lifeMs }];
    });
  }

  /** The cell of what was told, if it still counts. */
  function cellTold({ key, window }: OwnCount): Cell | undefined {
    const found = entries.peek(key);
    if (found === undefined) return undefined;
    const entry = turned(found);
    return window <= entry.newest && window > entry.newest - windows ? cellOf(entry, window) : undefined;
  }

  return {
    read(key) {
      const found = entries.get(key);
      if (found === undefined) return { counts: Array.from({ length: windows }, () => 0), elapsedMs: clock() % windowMs };
      const entry = turned(found);
      const counts: number[] = [];
      for (let back = 0; back < windows; back += 1) {
        const { own, elsewhere } = cellOf(entry, entry.newest - back);
        counts.push(own + elsewhere);
      }
      return { counts, elapsedMs: Math.max(0, clock() - entry.newest * windowMs) };
    },
    add(key) {
      const known = entries.get(key);
      const entry = known === undefined ? emptyEntry() : turned(known);
      cellOf(entry, entry.newest).own += 1;
      if (known === undefined) entries.set(key, entry);
      changed.add(key);
    },
    news(max) {
      const news: OwnCount[] = [];
      for (const key of changed) {
        if (news.length + windows > max) break;
        changed.delete(key);
        const entry = entries.peek(key);
        if (entry !== undefined) news.push(...newsOf(key, turned(entry)));
      }
      return news;
    },
    learn(own, total) {
      const cell = cellTold(own);
      if (cell === undefined) return;
      cell.told = own.count;
      // Within a window counts only grow: what is less comes from a shared store that has forgotten.
      cell.elsewhere = Math.max(cell.elsewhere, total - own.count);
      if (cell.asking) changed.add(own.key);
    },
    untold(own) {
      const cell = cellTold(own);
      if (cell === undefined) return;
      cell.asking = true;
      changed.add(own.key);
    },
  };
}

function emptyCell(): Cell {
  return { own: 0, told: 0, asking: true, elsewhere: 0 };
}
