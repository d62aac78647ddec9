import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type CircuitBreaker,
  type CircuitChange,
  createCircuitBreaker,
  longestPauseMs,
  type Passage,
  type Verdict,
} from "../../src/net/circuit-breaker.ts";
import { type FrozenClock, frozenClock } from "../cache/fixtures.ts";

interface Rig {
  readonly clock: FrozenClock;
  readonly circuit: CircuitBreaker;
  readonly changes: readonly CircuitChange[];
  /** Lets one call through and ends it at once. */
  call(verdict: Verdict): void;
  calls(count: number, verdict: Verdict): void;
  refused(): number | undefined;
}

/** With pauses at their full length. */
function createRig(random: () => number = () => 1): Rig {
  const clock = frozenClock();
  const changes: CircuitChange[] = [];
  const circuit = createCircuitBreaker({ clock, random, onChange: (change) => void changes.push(change) });
  const call = (verdict: Verdict) => passageOf(circuit).end(verdict);
  return {
    clock,
    circuit,
    changes,
    call,
    calls: (count, verdict) => Array.from({ length: count }).forEach(() => call(verdict)),
    refused: () => retryAfterOf(circuit),
  };
}

function passageOf(circuit: CircuitBreaker): Passage {
  const entered = circuit.enter();
  if ("retryAfterMs" in entered) throw new Error("refused");
  return entered;
}

/** Takes nothing: a call that is let through is ended as if its caller had left. */
function retryAfterOf(circuit: CircuitBreaker): number | undefined {
  const entered = circuit.enter();
  if ("retryAfterMs" in entered) return entered.retryAfterMs;
  entered.end("undecided");
  return undefined;
}

describe("a circuit opens", () => {
  it("at the tenth failure within the window, and says how long to wait", () => {
    const { circuit, calls, refused, changes } = createRig();
    calls(9, "failed");
    expect(circuit.isOpen()).toBe(false);
    calls(1, "failed");
    expect(circuit.isOpen()).toBe(true);
    expect(refused()).toBe(1_000);
    expect(changes).toEqual([{ state: "open", failures: 10, calls: 10 }]);
  });

  it("not for failures that lie further back than the window", () => {
    const { clock, circuit, calls } = createRig();
    calls(9, "failed");
    clock.advance(20_000);
    calls(9, "failed");
    expect(circuit.isOpen()).toBe(false);
  });

  it("not while more than a fifth of the calls are answered: who makes a provider fail by what he sends does not shut out the others", () => {
    const { circuit, calls } = createRig();
    calls(30, "answered");
    calls(119, "failed");
    expect(circuit.isOpen()).toBe(false);
    calls(1, "failed");
    expect(circuit.isOpen()).toBe(true);
  });

  it("never for calls that say nothing, however many an attacker with tiny deadlines makes", () => {
    const { circuit, calls } = createRig();
    calls(9, "failed");
    calls(10_000, "undecided");
    expect(circuit.isOpen()).toBe(false);
  });

  it("once, whatever the calls that were under way say afterwards", () => {
    const { clock, circuit, calls, changes } = createRig();
    const underWay = Array.from({ length: 50 }, () => passageOf(circuit));
    calls(10, "failed");
    for (const passage of underWay.slice(0, 25)) passage.end("failed");
    for (const passage of underWay.slice(25)) passage.end("answered");
    expect(circuit.isOpen()).toBe(true);
    expect(changes).toHaveLength(1);
    clock.advance(1_000);
    expect(passageOf(circuit).probe).toBe(true);
  });
});

describe("an open circuit", () => {
  it("lets one call through when its pause is over, and no other until that one has ended", () => {
    const { clock, circuit, calls, refused } = createRig();
    calls(10, "failed");
    clock.advance(999);
    expect(refused()).toBe(1_000);
    clock.advance(1);
    const probe = passageOf(circuit);
    expect(probe.probe).toBe(true);
    clock.advance(60_000);
    expect(refused()).toBe(1_000);
    probe.end("answered");
    expect(passageOf(circuit).probe).toBe(false);
  });

  it("closes when that call is answered, and says so once", () => {
    const { clock, circuit, calls, changes } = createRig();
    calls(10, "failed");
    clock.advance(1_000);
    passageOf(circuit).end("answered");
    expect(circuit.isOpen()).toBe(false);
    expect(changes.map(({ state }) => state)).toEqual(["open", "closed"]);
  });

  it("pauses twice as long when it failed, and never longer than 30 s, without a word", () => {
    const { clock, circuit, calls, refused, changes } = createRig();
    calls(10, "failed");
    const pauses = Array.from({ length: 8 }, () => {
      const pause = refused() ?? 0;
      clock.advance(pause);
      passageOf(circuit).end("failed");
      return pause;
    });
    expect(pauses).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
    expect(changes).toHaveLength(1);
  });

  it("lets the next one through at once when that one says nothing", () => {
    const { clock, circuit, calls } = createRig();
    calls(10, "failed");
    clock.advance(1_000);
    passageOf(circuit).end("undecided");
    expect(passageOf(circuit).probe).toBe(true);
  });

  it("is asked at another instant by each replica", () => {
    const waits = [0, 0.5, 1].map((random) => {
      const rig = createRig(() => random);
      rig.calls(10, "failed");
      let waited = 0;
      for (; rig.refused() !== undefined; waited += 1) rig.clock.advance(1);
      return waited;
    });
    expect(waits).toEqual([500, 750, 1_000]);
  });

  it("stays open no longer because the clock was set back", () => {
    const { clock, circuit, calls } = createRig();
    calls(10, "failed");
    clock.advance(-24 * 3_600_000);
    expect(passageOf(circuit).probe).toBe(true);
  });

  it("nor because it was set back by less than the pause", () => {
    const { clock, circuit, calls } = createRig();
    calls(10, "failed");
    clock.advance(-500);
    expect(passageOf(circuit).probe).toBe(true);
  });
});

function closed(): Rig {
  const rig = createRig();
  rig.calls(10, "failed");
  rig.clock.advance(1_000);
  rig.call("answered");
  return rig;
}

describe("a circuit that closed", () => {
  it("opens again only for ten new failures: hundreds of calls from before may time out just then", () => {
    const rig = createRig();
    const late = Array.from({ length: 300 }, () => passageOf(rig.circuit));
    rig.calls(10, "failed");
    rig.clock.advance(1_000);
    rig.call("answered");
    for (const passage of late) passage.end("failed");
    expect(rig.circuit.isOpen()).toBe(false);
    rig.calls(10, "failed");
    expect(rig.circuit.isOpen()).toBe(true);
  });

  it("goes on with longer pauses when it opens again soon", () => {
    const rig = closed();
    rig.calls(10, "failed");
    expect(rig.refused()).toBe(2_000);
  });

  it("begins with a short pause again when it was closed for long", () => {
    const rig = closed();
    rig.clock.advance(longestPauseMs + 1);
    rig.calls(10, "failed");
    expect(rig.refused()).toBe(1_000);
  });
});

type Step =
  | { readonly kind: "pass"; readonly ms: number }
  | { readonly kind: "enter" }
  | { readonly kind: "end"; readonly verdict: Verdict };

/** An open circuit under these steps, and everything that it let through or refused against its rules. */
function drive(
  steps: readonly Step[],
  random: number,
): { readonly rig: Rig; readonly wrong: readonly string[]; readonly finish: () => void } {
  const rig = createRig(() => random);
  rig.calls(10, "failed");
  const wrong: string[] = [];
  const usual: Passage[] = [];
  let probe: Passage | undefined;

  function enter(): void {
    const wasOpen = rig.circuit.isOpen();
    const entered = rig.circuit.enter();
    if ("retryAfterMs" in entered) {
      const { retryAfterMs } = entered;
      if (!wasOpen) wrong.push("refused while closed");
      if (retryAfterMs < 1_000 || retryAfterMs > longestPauseMs || !Number.isInteger(retryAfterMs)) wrong.push(`a wait of ${retryAfterMs}`);
      return;
    }
    if (entered.probe !== wasOpen) wrong.push(entered.probe ? "a probe while closed" : "let through while open");
    if (entered.probe && probe !== undefined) wrong.push("a second probe");
    if (entered.probe) probe = entered;
    else usual.push(entered);
  }

  function end(verdict: Verdict): void {
    // The probe first: it is what decides.
    const ending = probe ?? usual.pop();
    probe = undefined;
    ending?.end(verdict);
  }

  for (const step of steps) {
    if (step.kind === "pass") rig.clock.advance(step.ms);
    if (step.kind === "enter") enter();
    if (step.kind === "end") end(step.verdict);
  }
  return { rig, wrong, finish: () => probe?.end("undecided") };
}

describe("whatever comes", () => {
  const ms = fc.oneof(fc.integer({ min: 0, max: 2_000 }), fc.integer({ min: -40_000, max: 40_000 }));
  const verdict = fc.constantFrom<Verdict>("answered", "failed", "failed", "failed", "undecided");
  const step: fc.Arbitrary<Step> = fc.oneof(
    { weight: 2, arbitrary: fc.record({ kind: fc.constant("pass" as const), ms }) },
    { weight: 6, arbitrary: fc.record({ kind: fc.constant("enter" as const) }) },
    { weight: 6, arbitrary: fc.record({ kind: fc.constant("end" as const), verdict }) },
  );

  it("an open circuit has at most one call under way, and lets one through within its bound", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), fc.double({ min: 0, max: 1, noNaN: true }), (steps, random) => {
        const { rig, wrong, finish } = drive(steps, random);
        expect(wrong).toEqual([]);
        // Without a probe under way, a call that comes now or once the bound has passed is let through; if it is answered, all are.
        finish();
        if (rig.refused() !== undefined) rig.clock.advance(longestPauseMs);
        rig.call("answered");
        expect(rig.circuit.isOpen()).toBe(false);
      }),
      { numRuns: 500 },
    );
  });
});
