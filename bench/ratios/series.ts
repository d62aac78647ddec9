// A series: one thing whose rate is measured, in rounds that take turns, so that whatever else the machine does falls on all of them.

export interface Series {
  readonly name: string;
  /**
   * One round of it.
   * @returns calls per second
   * @throws Error where a call failed, or was answered otherwise than the series is about
   */
  readonly play: () => Promise<number>;
}

/** Rates by name, one for each round. */
export type Rates = ReadonlyMap<string, readonly number[]>;

/** A round that is not counted comes first: it goes into compiling. */
export async function playRounds(series: readonly Series[], count: number): Promise<Rates> {
  for (const { play } of series) await play();
  const rates = new Map<string, number[]>(series.map(({ name }) => [name, []]));
  for (let round = 0; round < count; round += 1) {
    for (const { name, play } of series) rates.get(name)?.push(await play());
  }
  return rates;
}
