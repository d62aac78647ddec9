import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type JsonValue, parseStrictJson } from "../../../src/exchange/token/strict-json.ts";

const limits = { maxDepth: 8 };
const parse = (text: string): JsonValue => parseStrictJson(text, limits);

function verdictOf(read: (text: string) => unknown, text: string): unknown {
  try {
    return { value: read(text) };
  } catch {
    return "refused";
  }
}

/** Text that is nearly JSON: pieces of the grammar in any order. */
const nearJson = fc
  .array(
    fc.constantFrom(
      "{",
      "}",
      "[",
      "]",
      ",",
      ":",
      '"a"',
      '"b"',
      '"',
      "\\",
      "\\u0061",
      "1",
      "-",
      "0",
      ".5",
      "e9",
      "+",
      "true",
      "nul",
      " ",
      "\n",
      "\u00a0",
      "\u0001",
    ),
    { maxLength: 12 },
  )
  .map((pieces) => pieces.join(""));

describe("strict JSON", () => {
  it("agrees with JSON.parse on everything that JSON.stringify writes, without and with blanks", () => {
    const values = fc.jsonValue({ maxDepth: 6, noUnicodeString: false });
    fc.assert(
      fc.property(values, fc.constantFrom(undefined, 2, "\t"), (value, space) => {
        const text = JSON.stringify(value, null, space);
        expect(JSON.stringify(parse(text))).toBe(JSON.stringify(JSON.parse(text)));
      }),
    );
  });

  it("refuses whatever JSON.parse refuses, and reads nothing else than JSON.parse does", () => {
    fc.assert(
      fc.property(nearJson, (text) => {
        const ours = verdictOf((one) => JSON.stringify(parse(one)), text);
        const theirs = verdictOf((one) => JSON.stringify(JSON.parse(one)), text);
        // A repeated name is the one difference.
        const repeats = /"a".*"a"|"b".*"b"|\\u0061/s.test(text);
        expect(ours).toEqual(ours === "refused" && repeats ? ours : theirs);
      }),
      { numRuns: 5_000 },
    );
  });

  it("refuses an object in which any name stands twice, wherever it stands", () => {
    const member = fc.tuple(fc.string(), fc.jsonValue({ maxDepth: 1 }));
    const members = fc.uniqueArray(member, { minLength: 1, maxLength: 6, selector: ([name]) => name });
    fc.assert(
      fc.property(members, fc.nat(), fc.nat(), (unique, which, where) => {
        const written = unique.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`);
        expect(() => parse(`[{${written.join()}}]`)).not.toThrow();
        const again = `${JSON.stringify(unique[which % unique.length]?.[0])}:null`;
        written.splice(where % (written.length + 1), 0, again);
        expect(() => parse(`[{${written.join()}}]`)).toThrow("not strict JSON");
      }),
    );
  });

  it.each([
    ['{"sub":"alice","sub":"bob"}', "plain"],
    ['{"sub":"alice","s\\u0075b":"bob"}', "one of them escaped"],
    ['{"a":{"sub":1,"x":2,"sub":3}}', "further inside"],
    ['{"__proto__":1,"__proto__":2}', "with a name that objects treat apart"],
  ])("refuses a repeated member: %s (%s)", (text) => {
    expect(() => parse(text)).toThrow("not strict JSON");
  });

  it("takes the same name in different objects", () => {
    expect(parse('{"a":{"a":1},"b":[{"a":2},{"a":3}]}')).toEqual(JSON.parse('{"a":{"a":1},"b":[{"a":2},{"a":3}]}'));
  });

  it.each([
    ["[", "]"],
    ['{"a":', "}"],
  ])("takes eight levels of %s and refuses nine", (open, close) => {
    const nested = (depth: number): string => open.repeat(depth) + "1" + close.repeat(depth);
    expect(() => parse(nested(8))).not.toThrow();
    expect(() => parse(nested(9))).toThrow("not strict JSON");
    expect(() => parse(nested(100_000))).toThrow("not strict JSON");
  });

  it("gives objects without inherited members, and a `__proto__` that is a name like any other", () => {
    const value = parse('{"__proto__":{"admin":true},"a":{}}') as Record<string, Record<string, unknown>>;
    expect(value["admin"]).toBeUndefined();
    expect(value["constructor"]).toBeUndefined();
    expect(value["a"]?.["toString"]).toBeUndefined();
    expect(Object.keys(value)).toEqual(["__proto__", "a"]);
  });

  it("says nothing of the text in its error", () => {
    const caught = verdictOf(() => {
      try {
        return parse('{"secret":canary}');
      } catch (failure) {
        return failure;
      }
    }, "") as { value: Error };
    expect(String(caught.value.stack) + String(caught.value.cause)).not.toContain("canary");
  });

  it.each([
    ['"', "a"],
    ['"', "\\"],
    ["", "1"],
    ["[", " "],
    ["[", '"a",'],
  ])("refuses a long unfinished text, %s%s…, in steps that grow with its length, not its square", (start, piece) => {
    const text = start + piece.repeat(1_000_000) + "x";
    const begun = performance.now();
    expect(() => parse(text)).toThrow("not strict JSON");
    // Linear work takes milliseconds here, a square of it minutes.
    expect(performance.now() - begun).toBeLessThan(3_000);
  });
});
