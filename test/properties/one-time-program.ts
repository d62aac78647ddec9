// Programs of sign-ins, refreshes, revocations and faults, as data: one that fails can be read and run again.

import fc from "fast-check";
import { postgres, spendingStrike } from "./strikes.ts";
import type { Variant } from "./world-configuration.ts";

const replica = fc.nat({ max: 2 });
/** Counted from the newest: what happens to one family one thing after the other is what matters. */
const recent = fc.constantFrom(0, 0, 0, 0, 1, 2);
const copies = fc.integer({ min: 1, max: 5 });
const anyStep = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constant("sign-in" as const), at: replica, copies, meanwhile: fc.option(spendingStrike) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("service-sign-in" as const), at: replica, copies }) },
  {
    weight: 9,
    arbitrary: fc.record({ do: fc.constant("refresh" as const), family: recent, copies, handle: fc.constantFrom(0, 0, 0, 0, 1, 2, 2) }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("torn-refresh" as const), family: recent, copies, meanwhile: postgres }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("replay" as const), code: fc.nat(), copies }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("greed" as const), at: replica, family: recent }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("assertion" as const), copies }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("revoke" as const), at: replica, family: recent }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("restart" as const), at: replica }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("wait" as const), ms: fc.constantFrom(1, 4_000, 20_000) }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant("reload" as const), variant: fc.constantFrom<Variant>("usual", "narrow", "disabled") }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("strike" as const), what: spendingStrike }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("heal" as const) }) },
);
export type Step = typeof anyStep extends fc.Arbitrary<infer T> ? T : never;
/** While nothing fails yet: otherwise most programs had no sign-in that anything could happen to. */
const first: Step = { do: "sign-in", at: 0, copies: 1, meanwhile: null };
export const program = fc.array(anyStep, { minLength: 12, maxLength: 20, size: "max" }).map((steps) => [first, ...steps]);
