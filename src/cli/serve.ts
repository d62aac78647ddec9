// `cambio serve`: the service in this process, or in several that share its port. What either is made of is main.ts and workers/.

import { parseArgs } from "node:util";
import { maxWorkers, workerCount } from "../workers/worker-count.ts";
import type { Output } from "./output.ts";

const notUnderstood = 2;

/** @returns the exit status; undefined: the words are not understood */
export async function serveCommand(
  words: readonly string[],
  { error }: Output,
  { defaultFile }: { readonly defaultFile: string },
): Promise<number | undefined> {
  const asked = parse(words);
  if (asked === undefined) return undefined;
  const { file = defaultFile, word } = asked;
  const workers = word === undefined ? 1 : workerCount(word);
  if (workers === undefined) {
    error(`--workers is a number from 1 to ${maxWorkers}, or auto\n`);
    return notUnderstood;
  }
  if (workers > 1) {
    const { superviseWorkers } = await import("../workers/supervise.ts");
    return superviseWorkers({ file, workers });
  }
  const { runProcess } = await import("../main.ts");
  return runProcess(file);
}

function parse(words: readonly string[]): { file: string | undefined; word: string | undefined } | undefined {
  try {
    const { values, positionals } = parseArgs({
      args: [...words],
      allowPositionals: true,
      options: { workers: { type: "string", multiple: true } },
    });
    const { workers = [] } = values;
    // Of two numbers nobody knows which one was meant.
    if (positionals.length > 1 || workers.length > 1) return undefined;
    return { file: positionals[0], word: workers[0] };
  } catch {
    return undefined;
  }
}
