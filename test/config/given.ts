// What the configuration tests start from: the committed example, an environment that satisfies it, and files that exist only here.

import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { parse, stringify } from "yaml";
import { loadConfiguration } from "../../src/config/load.ts";
import { ConfigurationError } from "../../src/config/mistakes.ts";
import type { Configuration } from "../../src/config/schema.ts";
import { environment, exampleFile } from "./example-environment.ts";

export { environment, exampleFile };

export const exampleText = readFileSync(exampleFile, "utf8");

export interface Given {
  readonly text?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** By absolute path; the configuration is /etc/cambio/cambio.yaml. */
  readonly files?: Readonly<Record<string, string>>;
}

export function load({ text = exampleText, env = {}, files = {} }: Given = {}): Configuration {
  const all: Record<string, string> = { "/etc/cambio/cambio.yaml": text, ...files };
  return loadConfiguration({
    path: "/etc/cambio/cambio.yaml",
    env: { ...environment, ...env },
    readFile: (path, maxBytes) => {
      const content = all[path];
      if (content === undefined) throw Object.assign(new Error(`ENOENT: ${path}`), { code: "ENOENT" });
      if (Buffer.byteLength(content) > maxBytes) throw Object.assign(new Error("too long"), { code: "EFBIG" });
      return content;
    },
  });
}

export function failureOf(given: Given): ConfigurationError {
  try {
    load(given);
  } catch (error) {
    if (error instanceof ConfigurationError) return error;
    throw error;
  }
  throw new Error("the configuration was accepted");
}

/** The example with some places set to other values; undefined removes a key. Places are written with slashes. */
export function exampleWith(changes: Readonly<Record<string, unknown>>): string {
  const root = parse(exampleText) as Record<string, unknown>;
  for (const [place, value] of Object.entries(changes)) {
    const keys = place.split("/");
    const last = keys.pop() ?? "";
    let node = root;
    for (const key of keys) node = (node[key] ??= {}) as Record<string, unknown>;
    if (value === undefined) delete node[last];
    else node[last] = value;
  }
  return stringify(root, { aliasDuplicateObjects: false });
}

export interface MistakeRow extends Given {
  readonly name: string;
  /** To the example. */
  readonly changes?: Readonly<Record<string, unknown>>;
  readonly path: string;
  readonly words: string;
}

/** Each row is an otherwise right configuration with one mistake, which is reported once, with its place and a way out. */
export function expectOnlyMistake(rows: readonly MistakeRow[]): void {
  it.each(rows)("$name", ({ changes, text, path, words, ...given }) => {
    const { mistakes, message } = failureOf({ ...given, text: text ?? exampleWith(changes ?? {}) });
    expect(mistakes.map((mistake) => mistake.path)).toEqual([path]);
    expect(message).toContain(words);
    expect(message).toContain("1 mistake\n");
    expect(mistakes[0]?.problem).not.toBe("");
    expect(mistakes[0]?.fix).toMatch(/^[A-Z$].*\S$/);
  });
}
