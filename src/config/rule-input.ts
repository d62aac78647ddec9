// What every rule is given, and the check that all of them share: that a name stands for something.

import { ownProvider } from "../exchange/minting.ts";
import type { Path, Report } from "./mistakes.ts";
import type { Configuration } from "./schema.ts";

/** Names as they stand in the file, those included whose entries have mistakes and are not in the configuration at hand. */
export interface Declared {
  readonly providers: ReadonlySet<string>;
  readonly audiences: ReadonlySet<string>;
  readonly clients: ReadonlySet<string>;
  readonly workload_issuers: ReadonlySet<string>;
}

export interface RuleInput {
  readonly configuration: Configuration;
  readonly declared: Declared;
  /** Even where its address, or something beside it, has a mistake and is not in the configuration at hand. */
  readonly redisNamed: boolean;
  readonly databaseNamed: boolean;
  readonly issuerNamed: boolean;
  readonly clientCaNamed: boolean;
  readonly report: Report;
  /** Throws where the file cannot be read. */
  readonly readText: (path: string) => string;
}

/** Reports a name that stands for nothing. */
export function checkName(name: string, at: { path: Path; kind: keyof Declared }, { declared, report }: RuleInput): boolean {
  if (declared[at.kind].has(name)) return true;
  const known = [...declared[at.kind]];
  const choice = known.length === 0 ? "" : `Write one of ${known.join(", ")}, or `;
  report(at.path, `names none of the configured ${at.kind}`, `${choice}${choice === "" ? "Add" : "add"} it under ${at.kind}.`);
  return false;
}

/** A provider, or this service itself: whoever may have issued a token. */
export function checkTokenProvider(name: string, path: Path, input: RuleInput): boolean {
  return name === ownProvider || checkName(name, { path, kind: "providers" }, input);
}

/** Names come from the file: `constructor` must not find what every object inherits. */
export function own<T>(record: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}
