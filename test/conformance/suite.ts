// Runs the Connect conformance suite against server.ts, which it starts by itself for each kind of server, and tells what came of it.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { built } from "./built.ts";
import { readTally } from "./suite-report.ts";

const here = import.meta.dirname;

/** Milliseconds; it takes about two minutes. One that hangs is ended, and has failed. */
const limitMs = 1_200_000;

/** Failures that are shown; the rest is in the file. */
const shown = 30;

/** Whether every case went as the suite, or the list of known differences, says. */
export async function runSuite(print: (line: string) => void): Promise<boolean> {
  const lists = ["--known-failing", `@${join(here, "known-differences.txt")}`];
  const options = ["--mode", "server", "--conf", join(here, "features.yaml"), ...lists];
  const child = spawn(join(built, "bin/connectconformance"), ["-v", ...options, "--", process.execPath, join(here, "server.ts")], {
    stdio: ["ignore", "pipe", "pipe"],
    timeout: limitMs,
  });
  const [out, err, [status]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, "close") as Promise<[number | null]>,
  ]);
  const output = out + err;
  const file = join(built, "suite.txt");
  await writeFile(file, output);
  const tally = readTally(output);
  for (const [row, counts] of tally.cases) {
    print(`${row}: ${[...counts].map(([connection, count]) => `${count} ${connection}`).join(", ")}`);
  }
  for (const [name, count] of tally.known) print(`known difference, ${count} cases: ${name}`);
  tally.failed.slice(0, shown).forEach(print);
  if (status !== 0) print(`the suite's whole output is in ${file}`);
  print(tally.total);
  return status === 0 && tally.failed.length === 0 && tally.cases.size > 0;
}
