import { describe, expect, it } from "vitest";
import { hasRepeatedAuthorization, isRepeated } from "../../src/transport/repeated-headers.ts";

describe("a repeated header", () => {
  it.each([
    [["Authorization", "a", "authorization", "b"], true],
    [["authorization", "a", "authorization", "a"], true],
    [["authorization", "a", "x", "authorization"], false],
    [["authorizatioN", "a"], false],
    [[], false],
  ])("is seen in the headers as they came: %j", (rawHeaders, repeated) => {
    expect(hasRepeatedAuthorization(rawHeaders)).toBe(repeated);
  });

  it("is looked for by its own name only", () => {
    expect(isRepeated(["host", "a", "authorization", "b", "Host", "c"], "host")).toBe(true);
    expect(isRepeated(["host", "a", "authorization", "b", "authorization", "c"], "host")).toBe(false);
  });
});
