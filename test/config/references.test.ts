import * as fc from "fast-check";
import { expect, it } from "vitest";
import { resolveReferences } from "../../src/config/references.ts";

const env = { NAME: "value", EMPTY: "", _a1: "lower", LIST: "[1, 2]", NESTED: "${NAME}", DOLLARS: "$& $1 $$" };
const fine = { missing: [], malformed: false };

it.each([
  ["plain", { ...fine, text: "plain", whole: false }],
  ["$NAME ${ NAME }", { text: "$NAME  NAME }", whole: false, missing: [], malformed: true }],
  ["${NAME}", { ...fine, text: "value", whole: true }],
  ["a ${NAME} b ${_a1}", { ...fine, text: "a value b lower", whole: false }],
  ["${NAME:-other}", { ...fine, text: "value", whole: true }],
  ["${GONE:-other}", { ...fine, text: "other", whole: true }],
  ["${GONE:-}", { ...fine, text: "", whole: true }],
  ["${EMPTY:-other}", { ...fine, text: "other", whole: true }],
  ["${GONE:-http://a:1/b?c=d-e}", { ...fine, text: "http://a:1/b?c=d-e", whole: true }],
  ["${GONE} ${EMPTY}", { text: " ", whole: false, missing: ["GONE", "EMPTY"], malformed: false }],
  ["${constructor}", { text: "", whole: true, missing: ["constructor"], malformed: false }],
  ["$${NAME} $$", { ...fine, text: "${NAME} $$", whole: false }],
  ["${NESTED}", { ...fine, text: "${NAME}", whole: true }],
  ["${DOLLARS}", { ...fine, text: "$& $1 $$", whole: true }],
  ["${LIST}", { ...fine, text: "[1, 2]", whole: true }],
  ["${}", { text: "}", whole: false, missing: [], malformed: true }],
  ["${1A}", { text: "1A}", whole: false, missing: [], malformed: true }],
])("%s", (text, expected) => {
  expect(resolveReferences(text, env)).toEqual(expected);
});

it("what a variable holds arrives as it is, whatever it holds", () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1 }), (value) => {
      expect(resolveReferences("<${X}>", { X: value })).toEqual({ ...fine, text: `<${value}>`, whole: false });
    }),
  );
});
