// Writes that have to be made whatever happens, while the database is away: tried again and again until they are. There are no more of
// them than refreshes that were under way when it went, as none begins without it.

const everyMs = 500;

export interface Background {
  /** Tries it until it does not throw; each may be carried out more than once. */
  add(work: () => Promise<unknown>): void;
  /** Those that are still to be made are left: the spool has what they were about. */
  close(): Promise<void>;
}

export function createBackground(wait: (ms: number) => Promise<void>): Background {
  const left = new Set<() => Promise<unknown>>();
  let closed = false;
  let running: Promise<void> | undefined;

  async function run(): Promise<void> {
    while (left.size > 0 && !closed) {
      await wait(everyMs);
      for (const work of left) {
        if (closed) return;
        await work().then(
          () => left.delete(work),
          () => undefined,
        );
      }
    }
  }

  return {
    add(work) {
      left.add(work);
      running ??= run().finally(() => (running = undefined));
    },
    async close() {
      closed = true;
      await running;
    },
  };
}
