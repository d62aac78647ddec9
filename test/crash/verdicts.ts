// What became of each sign-in, by what its provider saw, what its replicas noted and what the database holds: whether it is as good as its
// holder believes, and, where it is over, whether that is a loss which a kill explains.

import type { FakeLink } from "../support/fake-upstream-grants.ts";
import type { JournalLine } from "./deaths.ts";
import type { Holding } from "./holdings.ts";

export type Verdict =
  | { readonly kind: "live" }
  /** Its last token was spent, and the answer had reached no spool. */
  | { readonly kind: "lost between answer and spool" }
  /** Its last token was about to be sent, and nobody can tell that it was not. */
  | { readonly kind: "lost between mark and provider" }
  | { readonly kind: "lost otherwise"; readonly why: string };

export interface Evidence {
  /** The provider's: one for the sign-in, and one for each refresh that it answered. */
  readonly chain: readonly FakeLink[];
  /** Undefined: there is none. */
  readonly row: { readonly generation: number; readonly ended: string | null } | undefined;
  /** Of its connection, at its last generation. */
  readonly noted: ReadonlySet<JournalLine["what"]>;
}

/** What whoever holds a sign-in that is lost must have been told. */
const told = "REAUTHENTICATION_REQUIRED";

export function verdictOf(holding: Holding, { chain, row, noted }: Evidence): Verdict {
  if (row === undefined) return otherwise("it is not in the database");
  const answered = chain.length - 1;
  const { generation, ended } = row;
  const isSingleUse = holding.provider === "strict";
  if (holding.over === undefined) {
    if (ended !== null) return otherwise(`its holder was not told that it ended: ${ended}`);
    // Where a token may be shown again, an answer that was lost leads nowhere.
    if (isSingleUse ? generation !== answered : generation > answered) return otherwise(`generation ${generation}, answers ${answered}`);
    return { kind: "live" };
  }
  if (holding.over !== told) return otherwise(`its holder was told ${holding.over}`);
  if (ended === null) return otherwise("it has not ended");
  if (noted.has("spooled")) return otherwise(`the answer to generation ${generation} was in the spool`);
  if (isSingleUse && generation !== answered && generation !== answered - 1)
    return otherwise(`generation ${generation}, answers ${answered}`);
  const wasPresented = isSingleUse ? (chain[generation]?.presented ?? 0) > 0 : noted.has("sending");
  if (wasPresented) return { kind: "lost between answer and spool" };
  if (noted.has("sending")) return { kind: "lost between mark and provider" };
  return otherwise(`its token never went out: ${ended} at generation ${generation}, noted ${[...noted].join(" ")}`);
}

function otherwise(why: string): Verdict {
  return { kind: "lost otherwise", why };
}

/** What was noted of each generation of each connection, over all processes. */
export function notesOf(journals: readonly (readonly JournalLine[])[]): ReadonlyMap<string, ReadonlySet<JournalLine["what"]>> {
  const notes = new Map<string, Set<JournalLine["what"]>>();
  for (const { what, connection, generation } of journals.flat()) {
    const key = noteKey(connection, generation);
    notes.set(key, (notes.get(key) ?? new Set()).add(what));
  }
  return notes;
}

export function noteKey(connection: string, generation: number): string {
  return `${connection} ${generation}`;
}
