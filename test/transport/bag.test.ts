import { expect, test } from "vitest";
import { createBag } from "../../src/transport/bag.ts";

test("holds what was added and not removed, each as often as it was added", () => {
  const bag = createBag<object>();
  const [a, b] = [{}, {}];
  bag.add(a);
  const place = bag.add(b);
  bag.add(a);
  bag.remove(b, place);
  expect(bag.items()).toEqual([a, a]);
});

test("who is removed a second time takes nobody else's place away", () => {
  const bag = createBag<object>();
  const [gone, next] = [{ name: "gone" }, { name: "next" }];
  const place = bag.add(gone);
  bag.remove(gone, place);
  expect(bag.add(next)).toBe(place);
  bag.remove(gone, place);
  expect(bag.items()).toEqual([next]);
});

test("a list that was asked for does not change while its items leave", () => {
  const bag = createBag<object>();
  const places = [{}, {}, {}].map((item) => ({ item, place: bag.add(item) }));
  const items = bag.items();
  for (const { item, place } of places) bag.remove(item, place);
  expect([items.length, bag.items().length]).toEqual([3, 0]);
});
