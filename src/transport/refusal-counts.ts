// Calls that a limit refused and nobody stood up for: each would be a record and a log line several times as long as what its
// sender spent, so that whoever sends too much would fill disks as well. They are counted, and told once a second by reason, rule,
// caller and address. Nothing was done for such a call, and no intent precedes it.

import { circumstanceOf } from "../exchange/errors.ts";
import type { Audit } from "../exchange/ports.ts";
import type { Call } from "../rpc/call.ts";
import type { Log } from "../telemetry/log.ts";
import type { Hooks } from "./visit.ts";

/** Milliseconds that refusals are gathered for. */
const everyMs = 1_000;
/** Told apart within that time; an attacker may have more addresses. What is beyond is counted by its reason and rule alone. */
const maxKeys = 1_000;

export interface RefusalCountsDeps {
  readonly audit: Pick<Audit, "record">;
  readonly log: Pick<Log, "info" | "warn">;
  /** Runs `work` once, after so many milliseconds. */
  readonly after: (ms: number, work: () => void) => void;
}

export interface RefusalCounts extends Hooks {
  /** Tells what was counted so far; what is counted from now on is told at once. */
  close(): void;
}

interface Refusals {
  readonly reason: "RATE_LIMITED" | "OVERLOADED";
  /** Of the configuration, such as `limits.addresses`. */
  readonly rule: string;
  readonly caller?: string;
  readonly address?: string;
  count: number;
}

export function createRefusalCounts({ audit, log, after }: RefusalCountsDeps): RefusalCounts {
  const counts = new Map<string, Refusals>();
  let closed = false;

  function flush(): void {
    for (const refusals of counts.values()) {
      audit.record({ kind: "outcome", ...refusals });
      const { rule, ...told } = refusals;
      const fields = { ...told, policy_rule: rule };
      if (refusals.reason === "OVERLOADED") log.warn(fields, "calls could not be decided");
      else log.info(fields, "calls refused");
    }
    counts.clear();
  }

  return {
    onEnd(call) {
      const refused = countedRefusal(call);
      if (refused === undefined) return;
      if (counts.size === 0 && !closed) after(everyMs, flush);
      const { reason, rule } = refused;
      const own = `${reason} ${rule} ${call.address} ${call.caller}`;
      const known = counts.get(own);
      if (known !== undefined) known.count += 1;
      else if (counts.size < maxKeys) counts.set(own, { ...refused, ...whose(call), count: 1 });
      else {
        // There are few reasons and rules, so these do not grow without bound.
        const rest = `${reason} ${rule}`;
        const others = counts.get(rest) ?? { reason, rule, count: 0 };
        others.count += 1;
        counts.set(rest, others);
      }
      if (closed) flush();
    },
    close() {
      closed = true;
      flush();
    },
  };
}

/** Undefined: the call has a record and a log line of its own. */
export function countedRefusal({ failure, service }: Call): Pick<Refusals, "reason" | "rule"> | undefined {
  if (service !== undefined || (failure?.reason !== "RATE_LIMITED" && failure?.reason !== "OVERLOADED")) return undefined;
  const circumstance = circumstanceOf(failure);
  return circumstance?.kind === "policy" ? { reason: failure.reason, rule: circumstance.rule } : undefined;
}

function whose({ caller, address }: Call): Pick<Refusals, "caller" | "address"> {
  return { address, ...(caller === "" ? {} : { caller }) };
}
