import { describe, expect, it } from "vitest";
import { compare, count, readReport } from "./h2spec-report.ts";

const xml = `<?xml version="1.0" encoding="UTF-8"?>
<testsuites>
  <testsuite name="6.7. PING" package="http2/6.7" id="6.7" tests="3" skipped="1" failures="0" errors="1">
    <testcase package="http2/6.7" classname="Sends a PING frame" time="0.0010"></testcase>
    <testcase package="http2/6.7" classname="Sends a PING frame with ACK" time="1.0013">
      <error>PING Frame (length:8)
Timeout</error>
    </testcase>
    <testcase package="http2/6.7" classname="Sends two" time="0.0002">
      <skipped></skipped>
    </testcase>
  </testsuite>
</testsuites>`;

const [ping, ack, two] = ["http2/6.7: Sends a PING frame", "http2/6.7: Sends a PING frame with ACK", "http2/6.7: Sends two"] as const;

describe("h2spec's report", () => {
  it("tells of each case whether it passed, failed or was skipped", () => {
    const report = readReport(xml);
    expect([...report]).toEqual([
      [ping, "passed"],
      [ack, "failed"],
      [two, "skipped"],
    ]);
    expect(count(report, "failed")).toBe(1);
  });

  it("is not read where two cases have one name", () => {
    expect(() => readReport(xml + xml)).toThrow("two cases");
  });
});

describe("a comparison of two reports", () => {
  const stock = readReport(xml);
  const worse = new Map(stock).set(ping, "failed");

  it("finds nothing wrong with the same, nor where more passes", () => {
    expect(compare(stock, stock, [])).toEqual([]);
    expect(compare(new Map(stock).set(ack, "passed"), stock, [])).toEqual([]);
  });

  it("finds what fails or is skipped here and passes there, unless that is known", () => {
    expect(compare(worse, stock, [])).toEqual([`bare node:http2 does better: ${ping}`]);
    expect(compare(new Map(stock).set(ping, "skipped"), stock, [])).toEqual([`bare node:http2 does better: ${ping}`]);
    expect(compare(worse, stock, [ping])).toEqual([]);
  });

  it("finds what is known as worse and is so no more", () => {
    expect(compare(stock, stock, [ping])).toEqual([`listed as worse, and is not: ${ping}`]);
  });

  it("finds what only one of them has, so that an empty report is no success", () => {
    expect(compare(new Map(), stock, [])).toHaveLength(3);
    expect(compare(stock, new Map(), [])).toHaveLength(3);
  });
});
