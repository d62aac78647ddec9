// The canary over the whole test run: what any test registers as secret must not stand in what any other saw written. Tests run in
// processes of their own, so each notes both in a file of the run's folder; the search is made at the end (global-setup.ts).

import { appendFileSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type Canary, createCanary } from "./canary.ts";

export const folderVariable = "CAMBIO_TEST_CANARY";

type Note = readonly ["secret", kind: string, secret: string] | readonly ["seen", place: string, text: string];

function note(...written: Note): void {
  const folder = process.env[folderVariable];
  if (folder !== undefined) appendFileSync(join(folder, `${process.pid}.jsonl`), `${JSON.stringify(written)}\n`);
}

/** A canary of one stack whose findings count for the whole run as well. */
export function createRunCanary(): Canary {
  const canary = createCanary();
  return {
    ...canary,
    register(kind, secret) {
      note("secret", kind, secret);
      return canary.register(kind, secret);
    },
    saw(place, text) {
      note("seen", place, text);
      canary.saw(place, text);
    },
  };
}

/** For what was written by a program of ours that has no canary of its own. */
export function sawInTheRun(place: string, text: string): void {
  note("seen", place, text);
}

/** @returns how much was searched @throws Error naming every leak */
export function searchTheRun(folder: string): { readonly secrets: number; readonly texts: number } {
  const canary = createCanary();
  const counts = { secrets: 0, texts: 0 };
  for (const file of readdirSync(folder)) {
    for (const line of readFileSync(join(folder, file), "utf8").split("\n").slice(0, -1)) {
      const [what, name, text] = JSON.parse(line) as Note;
      if (what === "secret") canary.register(name, text);
      else canary.saw(name, text);
      counts[what === "secret" ? "secrets" : "texts"] += 1;
    }
  }
  canary.assertSilence();
  return counts;
}
