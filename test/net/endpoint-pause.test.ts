import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createEndpointPause, forCallersRequests, forOwnRequests } from "../../src/net/endpoint-pause.ts";
import { frozenClock } from "../cache/fixtures.ts";

const hourMs = 3_600_000;

describe("a pause that an endpoint asked for", () => {
  it("lasts as long as it asked, and remembers what it answered", () => {
    const clock = frozenClock();
    const pause = createEndpointPause(clock, forOwnRequests);
    pause.ask(503, 60_000);
    clock.advance(59_999);
    expect(pause.current()).toEqual({ status: 503, leftMs: 1 });
    clock.advance(1);
    expect(pause.current()).toBeUndefined();
  });

  it.each([
    ["of requests of our own: five minutes", forOwnRequests, 300_000],
    ["of requests with something of a caller's: ten seconds", forCallersRequests, 10_000],
  ])("has a bound, %s", (_name, rule, longestMs) => {
    const clock = frozenClock();
    const pause = createEndpointPause(clock, rule);
    pause.ask(429, hourMs);
    expect(pause.current()?.leftMs).toBe(longestMs);
    clock.advance(longestMs);
    expect(pause.current()).toBeUndefined();
  });

  it("grows no longer by the answers to what was under way", () => {
    const clock = frozenClock();
    const pause = createEndpointPause(clock, forOwnRequests);
    pause.ask(429, 5_000);
    clock.advance(4_000);
    pause.ask(429, 60_000);
    expect(pause.current()?.leftMs).toBe(1_000);
  });

  it("grows no longer because the clock was set back", () => {
    const clock = frozenClock();
    const pause = createEndpointPause(clock, forOwnRequests);
    pause.ask(429, 5_000);
    clock.advance(-hourMs);
    expect(pause.current()).toBeUndefined();
  });

  it("follows at once on the one before where the requests are our own", () => {
    const clock = frozenClock();
    const pause = createEndpointPause(clock, forOwnRequests);
    pause.ask(429, 5_000);
    clock.advance(5_000);
    pause.ask(429, 5_000);
    expect(pause.current()?.leftMs).toBe(5_000);
  });

  it("is followed by a time as long without one, so that an attacker whose junk is answered with 429 shuts out nobody for good", () => {
    const clock = frozenClock();
    const pause = createEndpointPause(clock, forCallersRequests);
    pause.ask(429, 10_000);
    clock.advance(10_000);
    pause.ask(429, hourMs);
    expect(pause.current()).toBeUndefined();
    clock.advance(9_999);
    pause.ask(429, hourMs);
    expect(pause.current()).toBeUndefined();
    clock.advance(1);
    pause.ask(429, 3_000);
    expect(pause.current()?.leftMs).toBe(3_000);
  });

  it("lets whoever comes back when he was told through, whatever others send and the provider says", () => {
    const junk = fc.record({ afterMs: fc.nat(15_000), askMs: fc.integer({ min: 1_000, max: hourMs }) });
    fc.assert(
      fc.property(fc.array(junk, { maxLength: 50 }), fc.nat(20_000), (sent, arrivesMs) => {
        const clock = frozenClock();
        const pause = createEndpointPause(clock, forCallersRequests);
        let cameAtMs = clock() + arrivesMs;
        for (const { afterMs, askMs } of sent) {
          const atMs = clock() + afterMs;
          if (cameAtMs <= atMs) {
            clock.advance(cameAtMs - clock());
            break;
          }
          clock.advance(afterMs);
          if (pause.current() === undefined) pause.ask(429, askMs);
        }
        // Whoever comes now is told to wait a second at the least (provider-guard.ts), and meanwhile the junk goes on.
        const toldMs = Math.max(pause.current()?.leftMs ?? 0, 1_000);
        const was = pause.current() !== undefined;
        cameAtMs = clock() + toldMs;
        for (const { afterMs, askMs } of sent) {
          if (clock() + afterMs >= cameAtMs) break;
          clock.advance(afterMs);
          if (pause.current() === undefined) pause.ask(429, askMs);
        }
        clock.advance(cameAtMs - clock());
        expect(was && pause.current() !== undefined).toBe(false);
      }),
      { numRuns: 1_000 },
    );
  });
});
