// What the documents about providers say of the files in examples/providers/ is so: their YAML, their variables, what the check answers,
// and by which words it refuses. That the files work is provider-workflows.test.ts.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { summary } from "../../src/cli/check.ts";
import { ConfigurationError } from "../../src/config/mistakes.ts";
import { startChild } from "../support/child.ts";
import { environments, type ExampleName, exampleNames, examplePath, exampleText, loadText } from "./provider-example.ts";

const folder = join(import.meta.dirname, "../../docs");
const documentNames = ["openai.md", "discord.md", "custom-provider.md", "manual-tests.md"] as const;
const documents = new Map(documentNames.map((name) => [name, readFileSync(join(folder, name), "utf8")]));
const textOf = (name: (typeof documentNames)[number]) => documents.get(name) ?? "";

/** Fenced blocks of a language, without what their fence is indented by. */
function blocks(text: string, language: string): readonly string[] {
  return [...text.matchAll(/^( *)```(\w*)\n([^]*?)^ *```$/gm)]
    .filter((match) => match[2] === language)
    .map((match) => (match[3] ?? "").replaceAll(new RegExp(`^${match[1]}`, "gm"), ""));
}

describe.each(exampleNames)("examples/providers/%s.yaml", (name) => {
  it("passes the check, as the command runs it, with what is documented as needed and nothing else", async () => {
    const check = startChild(["src/cli/cambio.mjs", "check", examplePath(name)], environments[name]);
    expect({ status: await check.ended, errors: check.errors() }).toEqual({ status: 0, errors: "" });
    expect(check.output()).toBe(`ok: ${summary(loadText(exampleText(name), environments[name]))}\n`);
  });

  it.each(Object.keys(environments[name]))("names %s where it is not set", (variable) => {
    const { message } = mistakesOf(exampleText(name), { ...environments[name], [variable]: undefined });
    expect(message).toContain(`needs the environment variable ${variable}, which is not set\n    Set ${variable}`);
  });
});

const documented: readonly (readonly [ExampleName, (typeof documentNames)[number], first: string])[] = [
  ["openai", "openai.md", "CAMBIO_SEALING_KEY"],
  ["discord", "discord.md", "DISCORD_CLIENT_ID"],
  ["custom-form", "custom-provider.md", "COMMUNITY_CLIENT_ID"],
  ["custom-json", "custom-provider.md", "MODELS_CLIENT_ID"],
];

it.each(documented)(
  "the variables of %s.yaml are those of its table in docs/%s, needed where there is no default",
  (name, document, first) => {
    const table = new RegExp(`^\\| variable .*\\n\\|[ |-]*\\n((?:\\|.*\\n)+)`, "gm");
    const rows =
      [...textOf(document).matchAll(table)].map((match) => match[1] ?? "").find((text) => text.startsWith(`| \`${first}\``)) ?? "";
    const told = rows
      .trimEnd()
      .split("\n")
      .flatMap((row) => {
        const [, names = "", needed = ""] = row.split("|");
        return [...names.matchAll(/`([A-Z_]+)`/g)].map((match) => [match[1] ?? "", needed.trim() === "yes"] as const);
      });
    const used = [...withoutComments(exampleText(name)).matchAll(/\$\{([A-Z_]+)(:-)?/g)].map(
      (match) => [match[1], match[2] === undefined] as const,
    );
    // PostgreSQL in place of the file: it fills what the file leaves open.
    expect(Object.fromEntries(told.filter(([variable]) => variable !== "DATABASE_URL"))).toEqual(Object.fromEntries(used));
    expect(
      used
        .filter(([, needed]) => needed)
        .map(([variable]) => variable ?? "")
        .toSorted(),
    ).toEqual(expect.arrayContaining(Object.keys(environments[name]).toSorted()));
  },
);

it.each(documentNames)("docs/%s has no YAML but what passes the check, or stands in one of the files", (document) => {
  const whole = exampleNames.map((name) => parse(exampleText(name)) as unknown);
  const env = { ...environments.openai, GITHUB_CLIENT_ID: "id", GITHUB_CLIENT_SECRET: "secret" };
  const alone = blocks(textOf(document), "yaml").filter((block) => !whole.some((one) => isPartOf(parse(block), one)));
  for (const block of alone) expect(summary(loadText(block, env))).toMatch(/^1 provider, /);
});

it("what a check is said to answer it does answer", () => {
  const answers = exampleNames.map((name) => `ok: ${summary(loadText(exampleText(name), environments[name]))}`);
  const quoted = documentNames.flatMap((name) => [...textOf(name).matchAll(/`(ok: [^`]+)`/g)].map((match) => match[1] ?? ""));
  expect(quoted.length).toBeGreaterThan(3);
  for (const quote of quoted) expect(answers).toContain(quote);
});

const mistaken: readonly (readonly [
  string,
  ExampleName,
  change: Readonly<Record<string, string | undefined>>,
  (text: string) => string,
])[] = [
  ["openai.md", "openai", { WORKER_SECRET: undefined }, (text) => text],
  ["openai.md", "openai", { OPENAI_OAUTH_REDIRECT_URI: "http://app.example.com/callback" }, (text) => text],
  ["discord.md", "discord", { DISCORD_CLIENT_SECRET: undefined, DISCORD_REDIRECT_URI: undefined }, (text) => text],
  ["discord.md", "discord", {}, (text) => withoutLine(text, "      secret: ${DISCORD_CLIENT_SECRET}")],
  ["custom-provider.md", "custom-json", { MODELS_CLIENT_ID: undefined }, (text) => text.replace("refresh: json", "refresh: xml")],
  [
    "custom-provider.md",
    "custom-form",
    {},
    (text) =>
      ["      token: https://community.example.com/api/oauth2/token", "database:", "  file: ${DATABASE_FILE:-cambio.sqlite}"].reduce(
        withoutLine,
        text,
      ),
  ],
];

describe("what a check says of mistakes stands in the documents word for word", () => {
  const quoted = documentNames.flatMap((name) =>
    blocks(textOf(name), "")
      .filter((block) => block.startsWith("cambio.yaml: "))
      .map((block) => [name, block] as const),
  );

  it.each(mistaken)("docs/%s, %s.yaml with %o", (document, name, change, edit) => {
    const { message } = mistakesOf(edit(exampleText(name)), { ...environments[name], ...change });
    expect(quoted).toContainEqual([document, `${message}\n`]);
  });

  it("and none stands there that is not tried here", () => {
    expect(quoted).toHaveLength(mistaken.length);
  });
});

it("docs/custom-provider.md explains every key that describes a provider that speaks OAuth", () => {
  const [spoken = ""] = readFileSync(join(folder, "configuration.md"), "utf8").split("### Applications that keep sessions");
  const keys = new Set([...spoken.matchAll(/^\| `providers\.NAME\.(\w+)/gm)].map((match) => match[1] ?? ""));
  expect(keys.size).toBeGreaterThan(20);
  const table = textOf("custom-provider.md").split("## What to look for")[1]?.split("```")[0] ?? "";
  const explained = new Set(
    [...table.matchAll(/^\| ([^|]+)\|/gm)].flatMap((row) => [...(row[1] ?? "").matchAll(/`(\w+)/g)].map((match) => match[1])),
  );
  expect([...keys].filter((key) => !explained.has(key))).toEqual([]);
});

it.each(documentNames)("docs/%s leads only to files and headings that there are", (document) => {
  const targets = [...textOf(document).matchAll(/\]\(([^)]+)\)/g)].map((match) => match[1] ?? "");
  const missing = targets.filter((target) => !target.startsWith("https:") && !isThere(document, target));
  expect(missing).toEqual([]);
});

function isThere(document: string, target: string): boolean {
  const [path = "", heading] = target.split("#");
  const file = path === "" ? join(folder, document) : join(folder, path);
  return existsSync(file) && (heading === undefined || headingsOf(readFileSync(file, "utf8")).includes(heading));
}

function headingsOf(text: string): readonly string[] {
  return [...text.matchAll(/^#+ (.+)$/gm)].map((match) =>
    (match[1] ?? "")
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
}

function mistakesOf(text: string, env: Readonly<Record<string, string | undefined>>): ConfigurationError {
  try {
    loadText(text, env);
  } catch (failure) {
    if (failure instanceof ConfigurationError) return failure;
    throw failure;
  }
  throw new Error("the configuration was accepted");
}

/** Maps by their keys, all else as it is. */
function isPartOf(part: unknown, whole: unknown): boolean {
  if (!isRecord(part) || !isRecord(whole)) return JSON.stringify(part) === JSON.stringify(whole);
  return Object.entries(part).every(([key, value]) => Object.hasOwn(whole, key) && isPartOf(value, whole[key]));
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function withoutComments(text: string): string {
  return text.replaceAll(/^\s*#.*$/gm, "");
}

/** @throws Error where there is no such line */
function withoutLine(text: string, line: string): string {
  if (!text.includes(`\n${line}\n`)) throw new Error(`no line ${line}`);
  return text.replace(`\n${line}\n`, "\n");
}
