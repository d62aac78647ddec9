// What is under way, where things come and go with every call. A Set would do, if it were not for the collector: V8 links each table
// that a Set has outgrown to the next. One such table among the old objects keeps alive all that the later ones held when they were
// outgrown, and calls that lived for a millisecond are moved about, twice, as if they were to stay.

export class Bag<T extends object> {
  readonly #places: (T | undefined)[] = [];
  readonly #free: number[] = [];

  /** The place that it has; `remove` asks for it. */
  add(item: T): number {
    const place = this.#free.pop() ?? this.#places.length;
    this.#places[place] = item;
    return place;
  }

  /** What is not there (any more) may be removed again. */
  remove(item: T, place: number): void {
    if (this.#places[place] !== item) return;
    this.#places[place] = undefined;
    this.#free.push(place);
  }

  items(): readonly T[] {
    return this.#places.filter((item) => item !== undefined);
  }
}
