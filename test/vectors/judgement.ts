// What a run over vectors comes to: agreed, refused on purpose under a named rule, or a disagreement that nothing explains.
// Only a refusal can be explained. Whatever is accepted against the vectors' word is an alarm.

import type { Expected } from "./vector-file.ts";

export interface Verdict {
  readonly id: number;
  readonly comment: string;
  readonly expected: Expected;
  readonly accepted: boolean;
  /** The rules of ours that the vector breaks, whatever its makers call it. */
  readonly rules: readonly string[];
}

export interface Disagreement {
  readonly id: number;
  readonly comment: string;
  /** What the makers say, and what happened. */
  readonly what: string;
  /** Undefined: nothing explains it. */
  readonly rule: string | undefined;
}

export interface Judgement {
  readonly name: string;
  readonly vectors: number;
  readonly disagreements: readonly Disagreement[];
}

export function judge(name: string, verdicts: readonly Verdict[]): Judgement {
  return { name, vectors: verdicts.length, disagreements: verdicts.flatMap((verdict) => disagreementOf(verdict) ?? []) };
}

/** `acceptable` is what some libraries accept: lenient ones, which this service is not. */
function disagreementOf({ id, comment, expected, accepted, rules }: Verdict): Disagreement | undefined {
  if (accepted === (expected === "valid")) return undefined;
  const what = `${expected}, and ${accepted ? "accepted" : "refused"}`;
  return { id, comment, what, rule: accepted || rules.length === 0 ? undefined : rules.join("; ") };
}

export function isExplained({ vectors, disagreements }: Judgement): boolean {
  return vectors > 0 && disagreements.every(({ rule }) => rule !== undefined);
}

/** Counts first, then every disagreement: what is explained by its rule, what is not by itself. */
export function describe({ name, vectors, disagreements }: Judgement): readonly string[] {
  const byReason = new Map<string, number[]>();
  const alarms: string[] = [];
  for (const { id, comment, what, rule } of disagreements) {
    if (rule === undefined) alarms.push(`  ALARM: ${what}: #${id} ${comment}`.trimEnd());
    else {
      const reason = `${what}: ${rule}`;
      byReason.set(reason, [...(byReason.get(reason) ?? []), id]);
    }
  }
  const agreed = vectors - disagreements.length;
  return [
    `${name}: ${vectors} vectors, ${agreed} agreed, ${disagreements.length - alarms.length} refused by a rule of ours, ${alarms.length} unexplained`,
    ...alarms,
    ...Array.from(byReason, ([reason, ids]) => `  ${reason} (${ids.length}): ${ranges(ids)}`),
  ];
}

/** `#1-#3 #7` */
function ranges(ids: readonly number[]): string {
  const runs: { first: number; last: number }[] = [];
  for (const id of ids.toSorted((one, other) => one - other)) {
    const open = runs.at(-1);
    if (open !== undefined && id === open.last + 1) open.last = id;
    else runs.push({ first: id, last: id });
  }
  return runs.map(({ first, last }) => (first === last ? `#${first}` : `#${first}-#${last}`)).join(" ");
}
