// Calls of which a fixed number is under way at any time, each begun when one before it was answered: as fast as the service goes.

export const callsUnderWay = 16;

/** Milliseconds that all of them took together. */
export async function closedLoop<T>(items: readonly T[], send: (item: T) => Promise<unknown>): Promise<number> {
  const beganMs = performance.now();
  const waiting = items.values();
  await Promise.all(
    Array.from({ length: callsUnderWay }, async () => {
      for (const item of waiting) await send(item);
    }),
  );
  return performance.now() - beganMs;
}
