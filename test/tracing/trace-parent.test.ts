import { describe, expect, it } from "vitest";
import { readTraceparent, writeTraceparent } from "../../src/tracing/trace-parent.ts";

const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
const spanId = "00f067aa0ba902b7";

describe("a traceparent", () => {
  it.each([
    ["sampled", "01", true],
    ["not sampled", "00", false],
    ["with flags that are not known here", "03", true],
  ])("is read: %s", (_what, flags, sampled) => {
    expect(readTraceparent(`00-${traceId}-${spanId}-${flags}`, undefined)).toEqual({ traceId, spanId, sampled, state: "" });
  });

  it("is written as it is read", () => {
    const header = `00-${traceId}-${spanId}-01`;
    const read = readTraceparent(header, "a=1");
    expect(read?.state).toBe("a=1");
    expect(read === undefined ? "" : writeTraceparent(read)).toBe(header);
  });

  it("keeps no tracestate that is too long, or that is no text", () => {
    const header = `00-${traceId}-${spanId}-01`;
    expect(readTraceparent(header, `a=${"b".repeat(511)}`)?.state).toBe("");
    expect(readTraceparent(header, ["a=1"])?.state).toBe("");
  });

  it.each([
    ["absent", undefined],
    ["empty", ""],
    ["of zeros as trace", `00-${"0".repeat(32)}-${spanId}-01`],
    ["of zeros as span", `00-${traceId}-${"0".repeat(16)}-01`],
    ["too short", `00-${traceId}-${spanId}-1`],
    ["too long", `00-${traceId}-${spanId}-01-more`],
    ["very long", `00-${traceId}-${spanId}-01${"0".repeat(16_000)}`],
    ["of another version", `01-${traceId}-${spanId}-01`],
    ["of the version that is forbidden", `ff-${traceId}-${spanId}-01`],
    ["in capitals", `00-${traceId.toUpperCase()}-${spanId}-01`],
    ["not in hexadecimal", `00-${"z".repeat(32)}-${spanId}-01`],
    ["with spaces around it", ` 00-${traceId}-${spanId}-01 `],
    ["with a line behind it", `00-${traceId}-${spanId}-01\n`],
    ["repeated", `00-${traceId}-${spanId}-01, 00-${traceId}-${spanId}-01`],
    ["a list", [`00-${traceId}-${spanId}-01`]],
  ])("that a hostile caller makes is ignored: %s", (_what, header) => {
    expect(readTraceparent(header, "a=1")).toBeUndefined();
  });
});
