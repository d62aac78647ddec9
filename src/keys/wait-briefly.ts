// Waiting for a newer key set, where an aged one is at hand: a little, and never for a failure.

/** Waits for the work, but no longer than `ms`; either way without a failure. */
export function waitBriefly(work: Promise<void>, ms: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    void work.finally(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
