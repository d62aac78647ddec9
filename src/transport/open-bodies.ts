// The memory of all bodies that are under way. One body is bounded, but whoever shows nothing takes no place for his, and may have
// many thousands of connections and streams. Where there is no more room the body that began first is refused: a body that is sent
// as usual takes milliseconds, so those that are kept open make room for it, and not it for them.

import { type Circumstance, ExchangeError } from "../exchange/errors.ts";

/** By then a body that is sent in one go has found room. */
const retryAfterMs = 1_000;

export interface OpenBody {
  /** So many bytes of memory are kept for it now. May refuse it at once. */
  hold(bytes: number): void;
  /** Nothing is kept any more. May be called again. */
  close(): void;
}

export interface OpenBodies {
  /** @param refuse called at most once, and never after `close`: what is kept has to be let go */
  open(refuse: (failure: ExchangeError) => void): OpenBody;
  /** Bytes of all together. */
  held(): number;
}

interface Entry {
  bytes: number;
  closed: boolean;
  readonly refuse: (failure: ExchangeError) => void;
}

/** @param maxBytes of all together; at least one body of the largest size */
export function createOpenBodies(maxBytes: number): OpenBodies {
  /** Those with anything in them, in the order in which they began. */
  const entries = new Set<Entry>();
  let sum = 0;

  function close(entry: Entry): void {
    entry.closed = true;
    if (entries.delete(entry)) sum -= entry.bytes;
  }

  function makeRoom(): void {
    for (const oldest of entries) {
      if (sum <= maxBytes) return;
      close(oldest);
      const cause: Circumstance = { kind: "policy", rule: "bodies" };
      oldest.refuse(new ExchangeError("OVERLOADED", { retryAfterMs, cause }));
    }
  }

  return {
    open(refuse) {
      const entry: Entry = { bytes: 0, closed: false, refuse };
      return {
        hold(bytes) {
          if (entry.closed || bytes === entry.bytes) return;
          sum += bytes - entry.bytes;
          entry.bytes = bytes;
          entries.add(entry);
          makeRoom();
        },
        close: () => close(entry),
      };
    },
    held: () => sum,
  };
}
