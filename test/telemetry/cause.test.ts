import { describe, expect, it } from "vitest";
import { codeOf, framesOf } from "../../src/telemetry/cause.ts";

const canary = "canary-93c1";

describe("the frames of an error", () => {
  it.each([
    ["a message", new Error(canary)],
    ["a message whose lines look like frames", new Error(`x\n    at ${canary}\n    at ${canary} (file:///x.ts:1:1)`)],
    ["an empty message", new Error("")],
    ["a message that is also part of its name", new RangeError("Error")],
  ])("are those of the code, the innermost first, with %s", (_name, error) => {
    const frames = framesOf(error);
    expect(frames[0]).toMatch(/^at .*cause\.test\.ts/);
    expect(frames.join()).not.toContain(canary);
    expect(frames.length).toBeLessThanOrEqual(12);
  });

  it.each([
    ["no stack", Object.assign(new Error(canary), { stack: undefined })],
    ["no error at all", `Error\n    at ${canary}`],
    ["nothing", undefined],
  ])("are none with %s", (_name, error) => {
    expect(framesOf(error)).toEqual([]);
  });

  it("are none when the message was changed after the stack was written", () => {
    const error = new Error(`x\n    at ${canary}`);
    expect(error.stack).toContain(canary);
    error.message = "not that";
    expect(framesOf(error)).toEqual([]);
  });
});

it.each([
  ["its code", Object.assign(new Error(canary), { code: "ECONNRESET" }), "ECONNRESET"],
  ["no code that is not a text", Object.assign(new Error(canary), { code: { canary } }), undefined],
  ["none where there is none", new Error(canary), undefined],
  ["none of what is no error", { code: canary }, undefined],
])("an error is asked for %s", (_name, error, code) => {
  expect(codeOf(error)).toBe(code);
});
