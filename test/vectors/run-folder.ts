// Every file of vectors in a folder, one after the other. Files of other kinds are named and skipped.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { judgeSealing } from "./aes-gcm.ts";
import { describe, isExplained, judge } from "./judgement.ts";
import { countTokens, judgeSignatures } from "./signatures.ts";
import { readVectorFile } from "./vector-file.ts";

export interface FolderReport {
  readonly lines: readonly string[];
  /** False where a disagreement has no rule of ours to explain it, and where nothing was run. */
  readonly passed: boolean;
}

/** @throws Error where a file of a known kind cannot be read whole */
export async function runFolder(folder: string): Promise<FolderReport> {
  const reports: FileReport[] = [];
  for (const name of readdirSync(folder).toSorted()) {
    if (name.endsWith(".json")) reports.push(await runFile(join(folder, name)));
  }
  const run = reports.filter((report) => report.passed !== undefined);
  const lines = reports.flatMap((report) => report.lines);
  if (run.length === 0) return { lines: [...lines, `There are no vectors to run in ${folder}.`], passed: false };
  return { lines, passed: run.every(({ passed }) => passed) };
}

interface FileReport {
  readonly lines: readonly string[];
  /** Undefined: skipped. */
  readonly passed: boolean | undefined;
}

async function runFile(path: string): Promise<FileReport> {
  const file = readVectorFile(path, readFileSync(path, "utf8"));
  if (file.kind === "unknown") return { lines: [`${file.name}: skipped, no JSON Web Signature or AES-GCM vectors`], passed: undefined };
  if (file.kind === "aes-gcm") {
    const judgement = judge(file.name, file.vectors.map(judgeSealing));
    return { lines: describe(judgement), passed: isExplained(judgement) };
  }
  const judgement = judge(file.name, (await Promise.all(file.groups.map(judgeSignatures))).flat());
  const others = judgement.vectors - countTokens(file.groups);
  const note = `  ${others} of them could not be tokens, most for a payload that is no JSON object: the payload is read as bytes here`;
  return { lines: [...describe(judgement), note], passed: isExplained(judgement) };
}
