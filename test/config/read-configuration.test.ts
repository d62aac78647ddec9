import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { readProblem } from "../../src/config/expand.ts";
import { readConfiguration, readFile } from "../../src/config/read-configuration.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "cambio-configuration-"));
  writeFileSync(join(folder, "exact"), "0123456789");
  writeFileSync(join(folder, "latin"), Buffer.from([0x61, 0xe9, 0x62]));
  writeFileSync(join(folder, "marked"), "\uFEFFkey");
});
afterAll(() => rmSync(folder, { recursive: true }));

function problemWith(path: string, maxBytes: number): string {
  try {
    readFile(path, maxBytes);
  } catch (error) {
    return readProblem(error);
  }
  return "none";
}

it("reads a file up to its limit, and not one byte more", () => {
  expect(readFile(join(folder, "exact"), 10)).toBe("0123456789");
  expect(problemWith(join(folder, "exact"), 9)).toBe("is too long");
});

it("drops a byte order mark", () => {
  expect(readFile(join(folder, "marked"), 10)).toBe("key");
});

it.each([
  ["a device without an end", () => "/dev/zero", "is too long"],
  ["a folder", () => folder, "is a folder"],
  ["a file that is not there", () => join(folder, "gone"), "does not exist"],
  ["a file that is no UTF-8", () => join(folder, "latin"), "is not UTF-8 text"],
  ["a path through a file", () => join(folder, "exact", "x"), "does not exist"],
])("refuses %s", (_name, path, problem) => {
  expect(problemWith(path(), 1_000)).toBe(problem);
});

it("says of a configuration that is not there only that", () => {
  expect(() => readConfiguration(join(folder, "gone.yaml"))).toThrow(/1 mistake\n {2}the file does not exist/);
});
