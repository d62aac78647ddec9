// What deploy/ says, read as the tests need it: the compose file with its variables filled in, and which files of the repository an
// image can get.

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";

export const repository = join(import.meta.dirname, "../..");
export const read = (path: string): string => readFileSync(join(repository, path), "utf8");

export interface ComposeService {
  readonly image?: string;
  readonly build?: { readonly context: string; readonly dockerfile: string; readonly target: string };
  readonly command?: readonly string[];
  readonly user?: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly healthcheck?: { readonly test?: readonly string[]; readonly disable?: boolean };
  readonly restart?: string;
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly security_opt?: readonly string[];
  readonly tmpfs?: readonly string[];
  readonly ports?: readonly string[];
  readonly networks?: Readonly<Record<string, object>>;
  readonly volumes?: readonly (string | Readonly<Record<string, unknown>>)[];
}

export interface Compose {
  readonly services: Readonly<Record<string, ComposeService>>;
  readonly networks: Readonly<Record<string, { readonly internal?: boolean }>>;
  readonly volumes: Readonly<Record<string, unknown>>;
}

/** The name of each variable in it, without `$$`, which is a `$` for the container's shell. */
export function variablesOf(text: string): readonly string[] {
  return [...new Set([...text.replaceAll("$$", "").matchAll(/\$\{?([A-Z][A-Z0-9_]*)/g)].map(([, name = ""]) => name))].toSorted();
}

/** The variables of an env file; those that are still to be filled in are empty. */
export function envFile(text: string): Readonly<Record<string, string>> {
  return Object.fromEntries([...text.matchAll(/^([A-Z][A-Z0-9_]*)=(.*)$/gm)].map(([, name = "", value = ""]) => [name, value]));
}

/** The compose file; without values its variables stay as they are written. */
export function compose(values?: Readonly<Record<string, string>>): Compose {
  const text = read("deploy/compose.yaml");
  const filled = values === undefined ? text : text.replaceAll(/\$\{([A-Z0-9_]+)[^}]*\}/g, (_all, name: string) => values[name] ?? "");
  return parse(filled, { merge: true }) as Compose;
}

/** The files that the builder is given: .dockerignore, whose lines are whole paths, over those that Git knows or would take. */
export function filesInContext(): readonly string[] {
  const lines = read(".dockerignore")
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"));
  const [everything, ...exceptions] = lines;
  if (everything !== "*" || exceptions.some((line) => !/^![\w./-]+$/.test(line))) throw new Error("this .dockerignore is not understood");
  const allowed = exceptions.map((line) => line.slice(1));
  const known = execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], {
    cwd: repository,
    encoding: "utf8",
  });
  return known.split("\0").filter((path) => allowed.some((one) => within(path, one)));
}

export function within(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`);
}
