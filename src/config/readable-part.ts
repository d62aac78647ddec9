// What is left of a file when the entries that the schema refused are taken away, so that the rules still see the others.
// Whole entries go: a rule that met half of one would report what is not there because something else is wrong.

import { isMap } from "./expand.ts";
import type { Declared } from "./rule-input.ts";

const sections = ["providers", "audiences", "clients", "workload_issuers"] as const;

interface Refusal {
  readonly path: readonly PropertyKey[];
  /** Unknown keys at the path. */
  readonly keys?: readonly string[];
}

export function readablePart(value: Record<string, unknown>, refusals: readonly Refusal[]): Record<string, unknown> {
  const broken = refusals.flatMap(({ path, keys }) => (path.length === 0 ? (keys ?? []).map((key) => [key]) : [path.map(String)]));
  const left = Object.entries(value).map(([section, content]): [string, unknown] => {
    const names = broken.filter((path) => path[0] === section).map((path) => path[1]);
    if (names.length === 0) return [section, content];
    const divisible = sections.some((name) => name === section) && isMap(content) && !names.includes(undefined);
    return [section, divisible ? Object.fromEntries(Object.entries(content).filter(([name]) => !names.includes(name))) : undefined];
  });
  return Object.fromEntries(left.filter(([, content]) => content !== undefined));
}

export function declaredIn(value: Record<string, unknown>): Declared {
  const names = (section: (typeof sections)[number]) => new Set(Object.keys(isMap(value[section]) ? value[section] : {}));
  return {
    providers: names("providers"),
    audiences: names("audiences"),
    clients: names("clients"),
    workload_issuers: names("workload_issuers"),
  };
}
