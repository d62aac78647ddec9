// A configuration file and an environment → one typed, complete, frozen value, or every mistake at once.
// The steps are in the order in which they run; each has its own file. This one decides what a later step still looks at.

import { dirname, resolve } from "node:path";
import { expand, isMap, readProblem } from "./expand.ts";
import type { ReadFile } from "./expand.ts";
import { reportIssue } from "./issues.ts";
import { createMistakeList } from "./mistake-list.ts";
import type { MistakeList } from "./mistake-list.ts";
import { isGiven, withEnvironment } from "./platform-variables.ts";
import type { Environment } from "./references.ts";
import { declaredIn, readablePart } from "./readable-part.ts";
import { checkRules } from "./rules.ts";
import { configurationSchema } from "./schema.ts";
import type { Configuration } from "./schema.ts";
import { inputShape } from "./shape.ts";
import { readYaml } from "./yaml.ts";

/** Some thousand clients; a file beyond this is not a configuration. */
export const maxFileBytes = 1_048_576;

export interface ConfigurationSource {
  readonly path: string;
  readonly env: Environment;
  readonly readFile: ReadFile;
}

/** @throws ConfigurationError with all mistakes, none of which holds a value. */
export function loadConfiguration(source: ConfigurationSource): Configuration {
  const { path, env, readFile } = source;
  const folder = dirname(resolve(path));
  const mistakes = createMistakeList(path);

  // 1. Text → plain value. Without one there is nothing to look at.
  const written = readMap(source, mistakes);

  // 2. Environment and secret files.
  const shape = inputShape();
  const value = expand(withEnvironment(written, env), shape, { env, readFile, folder, report: mistakes.nextStep() });
  anchorFiles(value, folder);

  // 3. The schema.
  const parsed = configurationSchema.safeParse(value);
  const report = mistakes.nextStep();
  for (const issue of parsed.error?.issues ?? []) reportIssue(issue, { value, shape, report });

  // 4. What keys demand of each other, in all that the schema let pass.
  const checked = parsed.success ? parsed : configurationSchema.safeParse(readablePart(value, parsed.error.issues));
  if (checked.success) {
    checkRules({
      configuration: checked.data,
      declared: declaredIn(value),
      redisNamed: value["redis"] !== undefined,
      databaseNamed: value["database"] !== undefined,
      issuerNamed: isGiven(sectionOf(value, "server"), "issuer"),
      clientCaNamed: isGiven(sectionOf(sectionOf(value, "server"), "tls"), "client_ca_file"),
      report: mistakes.nextStep(),
      readText: (file) => readFile(file, maxFileBytes),
    });
  }

  mistakes.throwIfAny();
  // Nothing was reported, so this holds; if it ever did not, nothing may start.
  if (!parsed.success) throw new Error("the schema refused a configuration without a reported mistake");
  return freeze(parsed.data);
}

/** The file as it is written; a mistake in its text ends the reading. */
export function readMap(
  { path, readFile }: Pick<ConfigurationSource, "path" | "readFile">,
  mistakes: MistakeList,
): Record<string, unknown> {
  let text = "";
  try {
    text = readFile(path, maxFileBytes);
  } catch (error) {
    const fix = "Give the path of a configuration file; cambio.example.yaml is one to start from.";
    mistakes.reportFile(undefined, `the file ${readProblem(error)}`, fix);
    mistakes.throwIfAny();
  }
  const { value, lineOf } = readYaml(text, mistakes.reportFile);
  mistakes.throwIfAny();
  mistakes.locate(lineOf);
  if (isMap(value)) return value;
  mistakes.reportFile(undefined, "the file is not a map of keys", "Start from cambio.example.yaml.");
  mistakes.throwIfAny();
  return {};
}

function sectionOf(map: Record<string, unknown>, key: string): Record<string, unknown> {
  const section = map[key];
  return isMap(section) ? section : {};
}

/** These files are opened later and elsewhere; their paths must mean the same there. */
function anchorFiles(value: Record<string, unknown>, folder: string): void {
  const { server, redis, database, vault, audit } = value;
  const tls = isMap(server) ? server["tls"] : undefined;
  anchor(tls, ["certificate_file", "key_file", "client_ca_file"], folder);
  anchor(redis, ["ca_file"], folder);
  anchor(database, ["file"], folder);
  anchor(vault, ["spool"], folder);
  anchor(audit, ["file"], folder);
}

function anchor(map: unknown, keys: readonly string[], folder: string): void {
  if (!isMap(map)) return;
  for (const key of keys) {
    if (typeof map[key] === "string" && map[key] !== "") map[key] = resolve(folder, map[key]);
  }
}

function freeze<T>(value: T): T {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const inner of Object.values(value)) freeze(inner);
  }
  return value;
}
