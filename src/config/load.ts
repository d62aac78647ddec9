// A configuration file and an environment → one typed, complete, frozen value, or every mistake at once.
// The steps are in the order in which they run; each has its own file. This one decides what a later step still looks at.

import { dirname, resolve } from "node:path";
import { expand, isMap, readProblem } from "./expand.ts";
import type { ReadFile } from "./expand.ts";
import { reportIssue } from "./issues.ts";
import { ConfigurationError, pathText, related } from "./mistakes.ts";
import type { Mistake, Path, Report } from "./mistakes.ts";
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
export function loadConfiguration({ path, env, readFile }: ConfigurationSource): Configuration {
  const mistakes: Mistake[] = [];
  /** In the order of the file; what is not in it comes first. */
  const fail = () =>
    new ConfigurationError(
      path,
      mistakes.toSorted((one, other) => (one.line ?? 0) - (other.line ?? 0)),
    );
  const folder = dirname(resolve(path));

  const text = readText({ path, env, readFile }, mistakes);
  if (text === undefined) throw fail();
  const document = readYaml(text, (line, problem, fix) => mistakes.push({ path: "", line, problem, fix }));
  if (mistakes.length > 0) throw fail();
  if (!isMap(document.value)) {
    mistakes.push({ path: "", line: undefined, problem: "is not a map of keys", fix: "Start from cambio.example.yaml." });
    throw fail();
  }

  const wrong: Path[] = [];
  const report: Report = (at, problem, fix) => {
    wrong.push(at);
    mistakes.push({ path: pathText(at), line: document.lineOf(at), problem, fix });
  };
  /** A later step keeps quiet about places where an earlier one found the cause. */
  const unlessRelated = (): Report => {
    const earlier = [...wrong];
    return (at, problem, fix) => {
      if (!earlier.some((other) => related(at, other))) report(at, problem, fix);
    };
  };

  const shape = inputShape();
  const value = expand(withEnvironment(document.value, env), shape, { env, readFile, folder, report }) as Record<string, unknown>;
  anchorTlsFiles(value, folder);

  const parsed = configurationSchema.safeParse(value);
  const reportOfSchema = unlessRelated();
  for (const issue of parsed.error?.issues ?? []) reportIssue(issue, { value, shape, report: reportOfSchema });

  const checked = parsed.success ? parsed : configurationSchema.safeParse(readablePart(value, parsed.error.issues));
  if (checked.success) {
    const fileProblem = (file: string) => problemOf(() => readFile(file, maxFileBytes));
    checkRules({ configuration: checked.data, declared: declaredIn(value), report: unlessRelated(), fileProblem });
  }
  if (mistakes.length > 0 || !parsed.success) throw fail();
  return freeze(parsed.data);
}

function readText({ path, readFile }: ConfigurationSource, mistakes: Mistake[]): string | undefined {
  try {
    return readFile(path, maxFileBytes);
  } catch (error) {
    mistakes.push({
      path: "",
      line: undefined,
      problem: `the file ${readProblem(error)}`,
      fix: "Give the path of a configuration file; cambio.example.yaml is one to start from.",
    });
    return undefined;
  }
}

/** A platform's own variables fill what the file leaves open, by the same way as if it named them. */
function withEnvironment(value: Record<string, unknown>, env: Environment): Record<string, unknown> {
  const server = value["server"] ?? {};
  const redis = value["redis"] ?? {};
  const fillPort = isMap(server) && !isGiven(server, "port") && Boolean(env["PORT"]);
  const fillRedis = isMap(redis) && !isGiven(redis, "url") && !isGiven(redis, "url_file") && Boolean(env["REDIS_URL"]);
  return {
    ...value,
    ...(fillPort ? { server: { ...server, port: "${PORT}" } } : {}),
    ...(fillRedis ? { redis: { ...redis, url: "${REDIS_URL}" } } : {}),
  };
}

function isGiven(map: Record<string, unknown>, key: string): boolean {
  return map[key] !== undefined && map[key] !== null;
}

/** The certificate is read later and elsewhere; its path must mean the same there. */
function anchorTlsFiles(value: Record<string, unknown>, folder: string): void {
  const tls = isMap(value["server"]) ? value["server"]["tls"] : undefined;
  if (!isMap(tls)) return;
  for (const key of ["certificate_file", "key_file"]) {
    if (typeof tls[key] === "string" && tls[key] !== "") tls[key] = resolve(folder, tls[key]);
  }
}

function problemOf(read: () => string): string | undefined {
  try {
    return read() === "" ? "is empty" : undefined;
  } catch (error) {
    return readProblem(error);
  }
}

function freeze<T>(value: T): T {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const inner of Object.values(value)) freeze(inner);
  }
  return value;
}
