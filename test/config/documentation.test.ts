import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { childShape, inputShape } from "../../src/config/shape.ts";
import type { Shape } from "../../src/config/shape.ts";

/** Every place where a value can stand, with NAME and N for what is chosen freely. */
function places(shape: Shape, path: string): string[] {
  const inner = (key: string, child: Shape | undefined) => (child === undefined ? [] : places(child, path === "" ? key : `${path}.${key}`));
  if (shape.properties !== undefined) return Object.keys(shape.properties).flatMap((key) => inner(key, childShape(shape, key)));
  if (shape.type === "object") return inner("NAME", childShape(shape, "NAME"));
  const item = childShape(shape, 0);
  return item?.type === "object" ? inner("N", item) : [path];
}

const documentation = readFileSync(new URL("../../docs/configuration.md", import.meta.url), "utf8");

it("docs/configuration.md describes every key, and no other", () => {
  const described = [...documentation.matchAll(/^\| `([A-Za-z_.]+)` +\|/gm)].map((match) => match[1]);
  const known = places(inputShape(), "");
  expect(new Set(described)).toEqual(new Set(known));
  expect(described).toHaveLength(known.length);
});

/** As it would stand in a file. */
const written = (value: unknown): string => (Array.isArray(value) ? `[${value.join(", ")}]` : String(value));

it("docs/configuration.md states the defaults that the schema has", () => {
  const stated = new Map([...documentation.matchAll(/^\| `([A-Za-z_.]+)` +\| `([^`]+)` +\|/gm)].map((match) => [match[1] ?? "", match[2]]));
  const fixed = places(inputShape(), "").flatMap((place) => {
    const shape = place.split(".").reduce<Shape | undefined>((at, key) => childShape(at, key === "N" ? 0 : key), inputShape());
    return shape?.default === undefined ? [] : [[place, written(shape.default)]];
  });
  expect(fixed.length).toBeGreaterThan(10);
  for (const [place, value] of fixed) expect([place, stated.get(place ?? "")]).toEqual([place, value]);
});

it("every key has a description for editors and for the way out of a mistake", () => {
  const silent: string[] = [];
  const visit = (shape: Shape, path: string): void => {
    for (const key of Object.keys(shape.properties ?? {})) {
      const child = childShape(shape, key) ?? {};
      if (child.description === undefined) silent.push(`${path}.${key}`);
      visit(child, `${path}.${key}`);
    }
    for (const child of [childShape(shape, 0), shape.properties === undefined ? childShape(shape, "NAME") : undefined])
      if (child !== undefined) visit(child, path);
  };
  visit(inputShape(), "");
  expect(silent).toEqual([]);
});
