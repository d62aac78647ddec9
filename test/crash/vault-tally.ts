// What a run counts of refreshes at a single-use provider, and how it is told.

import type { AskingCounts } from "./asking.ts";
import type { Holding, Holdings } from "./holdings.ts";
import type { KillCounts } from "./killer.ts";
import { count, list } from "./tally.ts";
import type { Verdict } from "./verdicts.ts";

export type VaultTally = AskingCounts & KillCounts;

export function createVaultTally(): VaultTally {
  return { calls: 0, undecided: new Map(), kills: new Map(), naps: 0, redisRestarts: 0, databaseRestarts: 0 };
}

export function tellRun(tally: VaultTally, { all, begunAnew }: Holdings): string {
  const refreshes = all.reduce((sum, holding) => sum + holding.refreshes, 0);
  return [
    `kills ${list(tally.kills)}`,
    `naps ${tally.naps}`,
    `Redis restarts ${tally.redisRestarts}`,
    `database restarts ${tally.databaseRestarts}`,
    `calls ${tally.calls}`,
    `rounds of refreshes ${refreshes}`,
    `asked again ${list(tally.undecided)}`,
    `sign-ins ${all.length}`,
    `begun anew ${begunAnew()}`,
    `over ${all.filter(({ over }) => over !== undefined).length}`,
  ].join(", ");
}

export interface Outcome {
  readonly verdicts: readonly (readonly [Holding, Verdict])[];
  readonly presentedTwice: number;
}

export function tellOutcome({ verdicts, presentedTwice }: Outcome): string {
  const often = (kind: Verdict["kind"]): number => verdicts.filter(([, verdict]) => verdict.kind === kind).length;
  const otherwise = verdicts.flatMap(([{ kind, provider }, verdict]) =>
    verdict.kind === "lost otherwise" ? [`${provider} ${kind}: ${verdict.why}`] : [],
  );
  const whys = new Map<string, number>();
  for (const why of otherwise) count(whys, why);
  return [
    `tokens presented twice: ${presentedTwice}`,
    `grants lost by a kill between answer and spool: ${often("lost between answer and spool")} (each ended as REAUTHENTICATION_REQUIRED)`,
    `grants lost by a kill between the mark that a token is being sent and its provider: ${often("lost between mark and provider")} (likewise)`,
    `grants lost otherwise: ${whys.size === 0 ? 0 : list(whys)}`,
    `sign-ins as good as their holders believe: ${often("live")}`,
  ].join("\n");
}
