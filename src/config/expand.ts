// Puts environment and secret files into a parsed file, along the shape of a configuration: `${NAME}` in any text,
// `x_file` beside each secret `x`, `{ file: … }` in lists of secrets. Whether values are right is checked afterwards.

import { resolve } from "node:path";
import type { Path, Report } from "./mistakes.ts";
import { resolveReferences } from "./references.ts";
import type { Environment } from "./references.ts";
import { childShape, isSecret, secretKeys } from "./shape.ts";
import type { Shape } from "./shape.ts";

/** Reads a UTF-8 file. Throws if it cannot, or if it is longer. */
export type ReadFile = (path: string, maxBytes: number) => string;

/** A secret has 4,096 characters at most; the rest is room for a mistake worth a clear sentence. */
const maxSecretFileBytes = 16_384;

/** Stands for a value that is missing: no check takes it for one, so that a mistake is not hidden by a default. */
const unresolved = Symbol("unresolved");
/** Stands for a secret that is missing: passes every check, so that what lies around it is still checked. It never leaves, as a mistake was reported. */
const standIn = Buffer.from(Array.from({ length: 32 }, (_, index) => index)).toString("base64url");

export interface ExpansionInput {
  readonly env: Environment;
  readonly readFile: ReadFile;
  /** Relative paths start here. */
  readonly folder: string;
  readonly report: Report;
}

export function expand(value: Record<string, unknown>, shape: Shape, input: ExpansionInput): Record<string, unknown> {
  return expandMap(value, { shape, path: [] }, input);
}

interface Place {
  readonly shape: Shape | undefined;
  readonly path: Path;
}

function expandAt(value: unknown, place: Place, input: ExpansionInput): unknown {
  if (typeof value === "string") return expandText(value, place, input);
  if (Array.isArray(value) && place.shape?.type === "array") {
    return value.map((item, index) => expandItem(item, under(place, index), input));
  }
  if (isMap(value) && place.shape?.type === "object") return expandMap(value, place, input);
  return value;
}

function under({ shape, path }: Place, key: string | number): Place {
  return { shape: childShape(shape, key), path: [...path, key] };
}

function expandMap(value: Record<string, unknown>, place: Place, input: ExpansionInput): Record<string, unknown> {
  const known = place.shape?.properties;
  const secrets = place.shape === undefined ? [] : secretKeys(place.shape);
  const fileKeys = new Set(secrets.map((key) => `${key}_file`));
  const entries = Object.entries(value)
    .filter(([key]) => !fileKeys.has(key))
    // A known key with nothing behind it counts as absent; a name with nothing behind it is a mistake.
    .filter(([key, item]) => item !== null || known === undefined || !Object.hasOwn(known, key))
    .map(([key, item]): [string, unknown] => [key, expandAt(item, under(place, key), input)]);
  for (const key of secrets) {
    const file = value[`${key}_file`] ?? undefined;
    if (file === undefined) continue;
    const filePath = [...place.path, `${key}_file`];
    if (value[key] !== undefined && value[key] !== null) {
      input.report(filePath, `stands beside ${key}`, `Keep one of ${key} and ${key}_file.`);
    } else {
      entries.push([key, secretFromFile(file, filePath, input)]);
    }
  }
  // The schema library passes over this name in silence; what stood under it would be missing without a word.
  if (Object.hasOwn(value, "__proto__")) input.report(place.path, "has an entry named __proto__", "Choose another name.");
  return Object.fromEntries(entries);
}

function expandItem(item: unknown, place: Place, input: ExpansionInput): unknown {
  if (!isSecret(place.shape) || !isMap(item)) return expandAt(item, place, input);
  if (Object.keys(item).join() !== "file") {
    input.report(place.path, "is neither a text nor a file", "Write the secret as a text, or { file: PATH } and nothing else.");
    return standIn;
  }
  return secretFromFile(item["file"], [...place.path, "file"], input);
}

function expandText(text: string, { shape, path }: Place, { env, report }: ExpansionInput): unknown {
  const resolved = resolveReferences(text, env);
  if (resolved.malformed) {
    report(path, "has ${ without a name and a closing brace", "Write ${NAME} or ${NAME:-default}, or $${ for a plain ${.");
  } else {
    for (const variable of resolved.missing) {
      const fallback = isSecret(shape) ? "" : `, or write \${${variable}:-default}`;
      report(path, `needs the environment variable ${variable}, which is not set`, `Set ${variable}${fallback}.`);
    }
  }
  if (resolved.malformed || resolved.missing.length > 0) return isSecret(shape) ? standIn : unresolved;
  return resolved.whole ? coerce(resolved.text, shape) : resolved.text;
}

/** The environment has texts only. What does not fit stays a text, and is refused as one. */
function coerce(text: string, shape: Shape | undefined): unknown {
  if (shape?.type === "integer" && /^[0-9]{1,15}$/.test(text)) return Number(text);
  if (shape?.type === "boolean" && (text === "true" || text === "false")) return text === "true";
  return text;
}

function secretFromFile(file: unknown, path: Path, input: ExpansionInput): string {
  const name = typeof file === "string" ? expandText(file, { shape: undefined, path }, input) : file;
  if (name === unresolved) return standIn;
  if (typeof name !== "string" || name === "") {
    input.report(path, "is not the path of a file", "Write the path of a file that holds the secret and nothing else.");
    return standIn;
  }
  try {
    const text = input.readFile(resolve(input.folder, name), maxSecretFileBytes).replace(/\r?\n$/, "");
    if (text !== "") return text;
    input.report(path, "names an empty file", "Write the secret into it.");
  } catch (error) {
    input.report(
      path,
      `names a file that ${readProblem(error)}`,
      "Check the path; a relative one starts at the configuration file's folder.",
    );
  }
  return standIn;
}

const readProblems: Readonly<Record<string, string>> = {
  ENOENT: "does not exist",
  ENOTDIR: "does not exist",
  EACCES: "this user may not read",
  EPERM: "this user may not read",
  EISDIR: "is a folder",
  EFBIG: "is too long",
  ERR_ENCODING_INVALID_ENCODED_DATA: "is not UTF-8 text",
};

/** Why a file could not be read, by the error's code: its message would name what was written. */
export function readProblem(error: unknown): string {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  return readProblems[code] ?? "cannot be read";
}

export function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
