// Writes that have to be made whatever happens, while the database is away: tried again and again until they are. There are no more of
// them than refreshes that were under way when it went, as none begins without it.

const everyMs = 500;

export interface Background {
  /** Tries it until it does not throw; each may be carried out more than once. */
  add(work: () => Promise<unknown>): void;
  /** What is still to be done is left: the spool has what it was about. */
  close(): Promise<void>;
}

export function createBackground(wait: (ms: number) => Promise<void>): Background {
  const left = new Set<() => Promise<unknown>>();
  const closing = new AbortController();
  let running: Promise<void> | undefined;

  async function attempt(work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
      left.delete(work);
    } catch {
      // The next round tries it again.
    }
  }

  async function run(): Promise<void> {
    while (left.size > 0 && !closing.signal.aborted) {
      await wait(everyMs);
      for (const work of left) if (!closing.signal.aborted) await attempt(work);
    }
    running = undefined;
  }

  return {
    add(work) {
      left.add(work);
      running ??= run();
    },
    async close() {
      closing.abort();
      await running;
    },
  };
}
