// Waiting for work that others wait for too: whoever leaves does not end it.

/** @throws what the work throws, or the signal's reason once it is aborted */
export async function waitFor<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  // Left before it ends, its failure has nobody to go to.
  work.catch(() => undefined);
  signal.throwIfAborted();
  const { promise: left, reject } = Promise.withResolvers<never>();
  const leave = () => reject(signal.reason);
  signal.addEventListener("abort", leave, { once: true });
  try {
    return await Promise.race([work, left]);
  } finally {
    signal.removeEventListener("abort", leave);
  }
}
