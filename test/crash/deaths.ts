// What a replica is told of its next refresh, and what it notes of each: shared by the replicas (vault-replica.ts) and whoever runs them.

import type { RefreshStep } from "../../src/vault/refresh-steps.ts";

/** in_flight: the token is on its way, and the provider has yet to answer. */
export type Moment = Exclude<RefreshStep, "sending"> | "in_flight";

export interface Order {
  readonly kind: "die" | "sleep";
  readonly at: RefreshStep | "in_flight";
  /** Undefined: whichever is refreshed next. */
  readonly connection?: string | undefined;
}

/** Longer than a token takes to its provider, shorter than that takes to answer. */
export const inFlightMs = 15;
/** How long the providers take. */
export const upstreamMs = 50;

export type Fate = `${Order["kind"]} ${Order["at"]}`;

export interface JournalLine {
  readonly what: RefreshStep | Fate;
  readonly connection: string;
  readonly generation: number;
}

export function journalLine({ what, connection, generation }: JournalLine): string {
  return `${what}\t${connection}\t${generation}\n`;
}

export function readJournal(text: string): readonly JournalLine[] {
  const lines = text.split("\n").slice(0, -1);
  return lines.map((line) => {
    const [what = "", connection = "", generation] = line.split("\t");
    return { what: what as JournalLine["what"], connection, generation: Number(generation) };
  });
}
