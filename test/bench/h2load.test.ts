import { describe, expect, it } from "vitest";
import { readH2load } from "../../bench/ratios/h2load.ts";

const printed = (counts: string, good: number) => `starting benchmark...
spawning thread #0: 4 total client(s). Timing-based test with 0s of warm-up time and 1s of main duration for measurements.

finished in 1.00s, 2000.50 req/s, 1.10MB/s
requests: ${counts}
status codes: ${good} 2xx, 0 3xx, ${2000 - good} 4xx, 0 5xx
`;

describe("what h2load prints", () => {
  it("is read as a rate and a number of successes", () => {
    const text = printed("2000 total, 2064 started, 2000 done, 2000 succeeded, 0 failed, 0 errored, 0 timeout", 2000);
    expect(readH2load(text)).toEqual({ perSecond: 2000.5, succeeded: 2000, failed: 0 });
  });

  it("counts as a failure whatever was not answered with a 2xx", () => {
    const text = printed("2000 total, 2064 started, 2000 done, 1990 succeeded, 7 failed, 2 errored, 1 timeout", 1980);
    expect(readH2load(text)).toEqual({ perSecond: 2000.5, succeeded: 1980, failed: 20 });
  });

  it("is not guessed at where it is something else", () => {
    expect(() => readH2load("h2load: command line error")).toThrow("something else than its results");
  });
});
