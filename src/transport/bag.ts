// What is under way, where things come and go with every call. A Set would do, if it were not for the collector: V8 links each table
// that a Set has outgrown to the next. One such table among the old objects keeps alive all that the later ones held when they were
// outgrown, and calls that lived for a millisecond are moved about, twice, as if they were to stay. As many places are kept as were
// ever taken at once; what bounds them is what bounds connections and their calls.

export interface Bag<T extends object> {
  /** The place that it has; `remove` asks for it. */
  add(item: T): number;
  /** What is not there (any more) may be removed again. */
  remove(item: T, place: number): void;
  /** As they are now: the list does not change when items come and go. */
  items(): readonly T[];
}

export function createBag<T extends object>(): Bag<T> {
  const places: (T | undefined)[] = [];
  const free: number[] = [];
  return {
    add(item) {
      const place = free.pop() ?? places.length;
      places[place] = item;
      return place;
    },
    remove(item, place) {
      if (places[place] !== item) return;
      places[place] = undefined;
      free.push(place);
    },
    items: () => places.filter((item) => item !== undefined),
  };
}
