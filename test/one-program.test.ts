// What `make service` builds, in a folder of its own beside which anybody may write.

import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it } from "vitest";

const beside = mkdtempSync(join(tmpdir(), "cambio-beside-"));
const folder = join(beside, "service");
const run = (...words: readonly string[]) => promisify(execFile)(process.execPath, words);

beforeAll(() => run("scripts/build-service.ts", folder));
afterAll(() => rmSync(beside, { recursive: true }));

it("the program takes no compiled code from beside its folder, where a stranger may have put some", async () => {
  expect((await run(join(folder, "cambio.mjs"), "--version")).stdout).toMatch(/^cambio \d/);
  expect(readdirSync(beside)).toEqual(["service"]);
  expect(readdirSync(join(folder, ".cache"))).toEqual(["compiled"]);
});
