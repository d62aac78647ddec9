// Seeded chance, so that a run can be repeated: numbers, waits between arrivals, shuffles, and ranks by Zipf's law.

/** In [0, 1). */
export type Random = () => number;

/** mulberry32: 32 bits of state are plenty for some hundred thousand draws. */
export function createRandom(seed: number): Random {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Milliseconds to the next arrival where arrivals do not know of each other (a Poisson process). */
export function nextArrivalMs(perSecond: number, random: Random): number {
  return (-Math.log(1 - random()) * 1_000) / perSecond;
}

/** 0 … count − 1 in any order, each as likely. */
export function shuffledIndexes(count: number, random: Random): readonly number[] {
  const keyed = Array.from({ length: count }, (_, index) => ({ index, key: random() }));
  return keyed.toSorted((one, other) => one.key - other.key).map(({ index }) => index);
}

/** Draws ranks 0 … count − 1; rank k is drawn in proportion to 1 / (k + 1), which is Zipf's law with the exponent 1. */
export function createZipf(count: number, random: Random): () => number {
  const cumulative = new Float64Array(count);
  let total = 0;
  for (let rank = 0; rank < count; rank += 1) {
    total += 1 / (rank + 1);
    cumulative[rank] = total;
  }
  return () => {
    const wanted = random() * total;
    let [low, high] = [0, count - 1];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((cumulative[middle] ?? total) > wanted) high = middle;
      else low = middle + 1;
    }
    return low;
  };
}
