import { describe, expect, it } from "vitest";
import { parseOtlpHeaders } from "../../src/config/otlp-headers.ts";
import { Secret } from "../../src/exchange/secret.ts";

const parsed = (text: string): unknown => {
  const read = parseOtlpHeaders(new Secret(text));
  return read.kind === "headers" ? read.headers.map(([name, value]) => [name, value.reveal()]) : read.kind;
};

describe("headers for the collector", () => {
  it.each([
    ["one", "x-key=abc", [["x-key", "abc"]]],
    [
      "several, with spaces",
      " X-Key = abc , other=1",
      [
        ["x-key", "abc"],
        ["other", "1"],
      ],
    ],
    ["percent-encoded", "authorization=Basic%20YWI%3D", [["authorization", "Basic YWI="]]],
    ["with equals signs and spaces as they are", "Authorization=Basic YWI==", [["authorization", "Basic YWI=="]]],
  ] as const)("are read: %s", (_what, text, headers) => {
    expect(parsed(text)).toEqual(headers);
  });

  it.each([
    ["nothing", " "],
    ["no value", "x-key="],
    ["no name", "=abc"],
    ["a name that is none", "x key=abc"],
    ["a bare word", "x-key"],
    ["a line feed", "x-key=abc%0d%0aother:1"],
    ["what is not percent-encoded", "x-key=%zz"],
    ["letters beyond ASCII", "x-key=%C3%A4"],
    ["a header twice", "x-key=1,X-Key=2"],
    ["a header of the request itself", "Content-Length=3"],
    ["too many", Array.from({ length: 17 }, (_, index) => `x-${index}=1`).join(",")],
  ])("are a mistake with %s", (_what, text) => {
    expect(parsed(text)).toBe("mistake");
  });

  it("do not stand in what is said of a mistake", () => {
    const read = parseOtlpHeaders(new Secret("x-key=%zzSECRET"));
    expect(JSON.stringify(read)).not.toContain("SECRET");
  });
});
