// Around the whole test run: a folder in which every test notes what is secret and what was written, searched at the end.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { folderVariable, searchTheRun } from "./support/run-canary.ts";

export function setup(): () => void {
  const folder = mkdtempSync(join(tmpdir(), "cambio-canary-"));
  process.env[folderVariable] = folder;
  return () => {
    try {
      const { secrets, texts } = searchTheRun(folder);
      process.stdout.write(`canary: none of ${secrets} secrets of this run stands in any of the ${texts} texts that were written\n`);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  };
}
