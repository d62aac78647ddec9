// What `cambio keys` says: a table of keys, and for each order what came of it and what it breaks. It decides nothing.

import { aligned } from "./columns.ts";
import type { KeyView, RetireAnswer, RotateAnswer } from "../wiring/signing-orders.ts";

export const keysUsage = `Usage: cambio keys COMMAND

  list [CONFIG]         this service's own signing keys: id, algorithm, state, and when that changes
  rotate [CONFIG]       store the next key; it is published at once, and signs when it was announced for signing.announce
    --algorithm NAME      ES256, EdDSA or RS256. Default: signing.algorithm
    --now                 it signs at once: verifiers that have not asked again do not know it yet
  retire KID [CONFIG]   in an emergency: within seconds a key neither signs nor verifies nor is published
    --now                 if it is the one that signs: make another one, which signs at once

Running replicas take up what was stored within seconds; nothing has to be restarted. Keys from files are changed in the configuration.
`;

export interface Said {
  readonly status: number;
  readonly text: string;
}

const headings = ["KID", "ALGORITHM", "STATE", "ANNOUNCED", "ACTIVATES", "RETIRES", "DROPPED"];

export function table(keys: readonly KeyView[]): string {
  return aligned([headings, ...keys.map(row)]);
}

function row({ kid, algorithm, state, ...times }: KeyView): readonly string[] {
  const { announcedAtMs, activatesAtMs, retiresAtMs, dropsAtMs } = times;
  return [kid, algorithm, state, ...[announcedAtMs, activatesAtMs, retiresAtMs, dropsAtMs].map(instant)];
}

/** A key without a successor does not retire; one from a file without an instant was always active. */
function instant(ms: number): string {
  return Number.isFinite(ms) && ms > 0 ? new Date(ms).toISOString() : "-";
}

const takenUp = "Replicas take it up within seconds.";
const overtaken: Said = { status: 1, text: "another process made a key at the same moment: look at cambio keys list, then try again\n" };

export function rotated(answer: RotateAnswer): Said {
  switch (answer.kind) {
    case "stored": {
      const stored = `stored: ${answer.kid} is published from now on, and signs from ${instant(answer.activatesAtMs)}. ${takenUp}\n`;
      return { status: 0, text: answer.atOnce ? `${stored}${breaksAtOnce}` : stored };
    }
    case "announced": {
      const { kid, activatesAtMs } = answer;
      const text = `${kid} is announced already, and signs from ${instant(activatesAtMs)}. For one that signs at once give --now\n`;
      return { status: 1, text };
    }
    case "too_many":
      return {
        status: 1,
        text: "so many keys of that algorithm are published that verifiers might not take them: wait until some are dropped\n",
      };
    case "overtaken":
      return overtaken;
  }
}

const breaksAtOnce = `What this breaks: verifiers that have not asked for the keys since then do not know the new one, and refuse its tokens for as long as
they keep what they have fetched: an hour is usual. Replicas refuse each other's for some seconds.
Tokens of the old key stay good until they expire.
`;

export function retired(kid: string, answer: RetireAnswer): Said {
  switch (answer.kind) {
    case "ended":
      return {
        status: 0,
        text: `ended: ${kid} neither signs nor verifies nor is published. ${takenUp}\n${breaksForGood(answer.successor)}`,
      };
    case "needs_successor":
      return { status: 1, text: `${kid} is the one that signs: with --now another one is made, which signs at once\n` };
    case "unknown":
      return { status: 1, text: "there is no key of that id: look at cambio keys list\n" };
    case "ended_before":
      return { status: 1, text: `${kid} was ended before\n` };
    case "overtaken":
      return overtaken;
  }
}

function breaksForGood(successor: string | undefined): string {
  const lines = [
    "What this breaks: every token that it signed is refused here from now on. Verifiers elsewhere accept them until they ask for the",
    "keys again. It cannot be taken back.",
    ...(successor === undefined
      ? []
      : [`${successor} signs in its place, at once: verifiers that have not asked again refuse its tokens until they do.`]),
  ];
  return `${lines.join("\n")}\n`;
}

/** Keys from files are no matter of a command: which lines of the configuration to change. */
export const rotateFiles: Said = {
  status: 1,
  text: `the keys come from files. To rotate: add an entry under signing.keys with the new private_key_file and an activates_at that is further
ahead than signing.announce, on all replicas, and restart them. The key before it may go 25 hours after that instant.
`,
};

/** @param index of its entry; -1: there is none */
export function retireFile(kid: string, index: number): Said {
  if (index < 0) return retired(kid, { kind: "unknown" });
  return {
    status: 1,
    text: `the keys come from files. To end this one: remove signing.keys.${index} from the configuration of all replicas, and restart them. If no
other key of its algorithm is active, add one without activates_at, or with one that is past.
`,
  };
}
