import { expect, it } from "vitest";
import { Secret } from "../../src/exchange/secret.ts";
import { createOneTimeNames } from "../../src/sealing/one-time-names.ts";
import { masterKey } from "../cache/fixtures.ts";

const tagOf = (name: string) => /^cambio:v1:(?:code|state|assertion):\{([0-9a-f]{2})\}:[A-Za-z0-9_-]{43}$/.exec(name)?.[1];
const codes = Array.from({ length: 4_000 }, (_, index) => new Secret(`code-${index}`));

it("the names of one thing share a slot, whatever its keys and their order, so that replicas meet while keys rotate", () => {
  const [a, b, c] = [masterKey("a"), masterKey("b"), masterKey("c")];
  const rotations = [[a], [a, b], [b, a], [b], [b, c, a]].map(createOneTimeNames);
  for (const code of codes.slice(0, 50)) {
    const names = rotations.flatMap((one) => [...one.ofCode("main", code)]);
    expect(new Set(names.map(tagOf)).size).toBe(1);
    // One per key, and nothing but the slot in common.
    expect(new Set(names).size).toBe(3);
  }
});

it("different things spread over many slots, so that no server has all of them", () => {
  const names = createOneTimeNames([masterKey("a")]);
  const tags = codes.map((code) => tagOf(names.ofCode("main", code)[0]));
  const most = Math.max(
    ...Map.groupBy(tags, (tag) => tag)
      .values()
      .map((same) => same.length),
  );
  expect(new Set(tags).size).toBe(256);
  expect(most).toBeLessThan(50);
});

it("a name says no more of a code than one of 256 slots: it cannot be tried out", () => {
  const [known] = createOneTimeNames([masterKey("a")]).ofCode("main", new Secret("code"));
  const [guessed] = createOneTimeNames([masterKey("b")]).ofCode("main", new Secret("code"));
  expect(tagOf(guessed)).toBe(tagOf(known));
  expect(guessed).not.toBe(known);
});
