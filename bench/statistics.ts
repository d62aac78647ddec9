// Order statistics of what was measured.

/** The smallest value that at least the share `q` of them does not exceed. NaN: there are none. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = Float64Array.from(values).toSorted();
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] ?? Number.NaN;
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}
