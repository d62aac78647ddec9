import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { createRunCanary, folderVariable, sawInTheRun, searchTheRun } from "./run-canary.ts";

const secret = "a-secret-of-one-test-7f3a";
const given = process.env[folderVariable];
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "cambio-canary-test-"));
  process.env[folderVariable] = folder;
});
afterEach(() => {
  process.env[folderVariable] = given;
  rmSync(folder, { recursive: true });
});

it("a secret of one test that another test saw written is found at the end of the run", () => {
  createRunCanary().register("code", secret);
  sawInTheRun("the log of a child", `{"code":"${secret}"}`);
  expect(() => searchTheRun(folder)).toThrow("code (as it is) in the log of a child");
});

it("a run that was silent says how much it searched", () => {
  const canary = createRunCanary();
  canary.register("code", secret);
  canary.saw("log", "nothing of it");
  expect(searchTheRun(folder)).toEqual({ secrets: 1, texts: 1 });
});
