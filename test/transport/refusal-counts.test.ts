import { describe, expect, it } from "vitest";
import { ExchangeError } from "../../src/exchange/errors.ts";
import type { AuditEntry } from "../../src/exchange/ports.ts";
import type { Call } from "../../src/rpc/call.ts";
import { createAuditLog } from "../../src/transport/audit-log.ts";
import { createRefusalCounts } from "../../src/transport/refusal-counts.ts";
import type { CallEnd } from "../../src/transport/visit.ts";
import { clientOf } from "../exchange/fixtures.ts";
import { callOf } from "../rpc/fixtures.ts";

const end: CallEnd = { status: 429, code: "resource_exhausted", durationMs: 1 };
const limit = (rule = "limits.addresses", reason: "RATE_LIMITED" | "OVERLOADED" = "RATE_LIMITED") =>
  new ExchangeError(reason, { cause: { kind: "policy", rule } });

function rig() {
  const entries: AuditEntry[] = [];
  const lines: unknown[] = [];
  const waiting: (() => void)[] = [];
  const audit = { record: (entry: AuditEntry) => void entries.push(entry) };
  const line = (level: string) => (fields: object, msg: string) => void lines.push({ level, msg, ...fields });
  const counts = createRefusalCounts({
    audit,
    log: { info: line("info"), warn: line("warn") },
    after: (ms, work) => {
      expect(ms).toBe(1_000);
      waiting.push(work);
    },
  });
  const each = createAuditLog(audit);
  return {
    entries,
    lines,
    waiting,
    close: () => counts.close(),
    refuse(given: Partial<Call>) {
      const call = callOf({ audited: "Exchange", failure: limit(), ...given });
      counts.onEnd(call, end);
      each.onEnd(call, end);
    },
    /** A second goes by. */
    tell: () => waiting.shift()?.(),
  };
}

describe("calls that a limit refused and nobody stood up for", () => {
  it("are one record and one log line a second, with their count", () => {
    const { entries, lines, waiting, refuse, tell } = rig();
    for (let call = 0; call < 500; call += 1) refuse({});
    expect([entries, lines, waiting.length]).toEqual([[], [], 1]);
    tell();
    const told = { reason: "RATE_LIMITED", address: "192.0.2.1", count: 500 };
    expect(entries).toEqual([{ kind: "outcome", rule: "limits.addresses", ...told }]);
    expect(lines).toEqual([{ level: "info", msg: "calls refused", policy_rule: "limits.addresses", ...told }]);
    refuse({});
    tell();
    expect(entries.map(({ count }) => count)).toEqual([500, 1]);
  });

  it("are told apart by reason, rule, caller and address, and by nothing else", () => {
    const { entries, lines, refuse, tell } = rig();
    const calls: readonly Partial<Call>[] = [
      {},
      { failure: limit("limits.concurrent_calls", "OVERLOADED") },
      { failure: limit("limits.public_clients") },
      { caller: "web" },
      { address: "192.0.2.2" },
    ];
    for (const call of [...calls, ...calls]) refuse({ ...call, requestId: crypto.randomUUID() });
    tell();
    expect(entries.map(({ reason, rule, caller, address, count }) => [reason, rule, caller, address, count])).toEqual([
      ["RATE_LIMITED", "limits.addresses", undefined, "192.0.2.1", 2],
      ["OVERLOADED", "limits.concurrent_calls", undefined, "192.0.2.1", 2],
      ["RATE_LIMITED", "limits.public_clients", undefined, "192.0.2.1", 2],
      ["RATE_LIMITED", "limits.addresses", "web", "192.0.2.1", 2],
      ["RATE_LIMITED", "limits.addresses", undefined, "192.0.2.2", 2],
    ]);
    expect(lines[1]).toMatchObject({ level: "warn", msg: "calls could not be decided" });
  });

  it("of an attacker with ever new addresses are counted together beyond 1,000 of them", () => {
    const { entries, refuse, tell } = rig();
    for (let host = 0; host < 5_000; host += 1) refuse({ address: `2001:db8:${host.toString(16)}::1` });
    refuse({ address: "2001:db8:0::1" });
    tell();
    expect(entries).toHaveLength(1_001);
    expect(entries[0]).toMatchObject({ address: "2001:db8:0::1", count: 2 });
    expect(entries.at(-1)).toEqual({ kind: "outcome", reason: "RATE_LIMITED", rule: "limits.addresses", count: 4_000 });
  });

  it("are told when the service stops, and at once from then on", () => {
    const { entries, refuse, close } = rig();
    refuse({});
    close();
    expect(entries).toHaveLength(1);
    refuse({});
    expect(entries.map(({ count }) => count)).toEqual([1, 1]);
  });
});

it.each([
  ["a service that proved itself", { service: clientOf({ id: "orders", kind: "service" }), caller: "orders" }],
  ["a call that was refused for what it is", { failure: new ExchangeError("CALLER_UNAUTHENTICATED") }],
  ["a handle that is to be used later, maybe with an intent before", { failure: new ExchangeError("RATE_LIMITED", { retryAfterMs: 1 }) }],
] as const)("%s has a record of its own", (_name, given) => {
  const { entries, waiting, refuse } = rig();
  refuse(given);
  expect([entries.length, waiting.length]).toEqual([1, 0]);
  expect(entries[0]).toMatchObject({ kind: "outcome", requestId: "r1" });
});
