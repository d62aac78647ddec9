// Mistakes in a configuration: how they are gathered and how they read. What is a mistake is decided elsewhere.
// A mistake names places and rules. It never holds a value of the file or the environment: any of them may be a secret.

/** Keys and list positions, from the root. */
export type Path = readonly (string | number)[];

export interface Mistake {
  /** `providers.main.client.secret`; empty: the file itself. */
  readonly path: string;
  /** Line in the file, from 1; undefined: not in the file. */
  readonly line: number | undefined;
  readonly problem: string;
  readonly fix: string;
}

/** Notes one mistake. `problem` continues the path's name, `fix` says what to do. */
export type Report = (path: Path, problem: string, fix: string) => void;

/** All that is wrong with a configuration file, at once. */
export class ConfigurationError extends Error {
  override readonly name = "ConfigurationError";
  readonly mistakes: readonly Mistake[];

  constructor(file: string, mistakes: readonly Mistake[]) {
    super(`${file}: ${mistakes.length === 1 ? "1 mistake" : `${mistakes.length} mistakes`}\n${mistakes.map(paragraph).join("\n")}`);
    this.mistakes = mistakes;
  }
}

function paragraph({ path, line, problem, fix }: Mistake): string {
  const place = [path, line === undefined ? "" : path === "" ? `line ${line}` : `(line ${line})`].filter((part) => part !== "").join(" ");
  return `  ${place === "" ? "" : `${place}: `}${problem}\n    ${fix}`;
}

export function pathText(path: Path): string {
  return path.map((part) => (/^[\x21-\x7e]{1,256}$/.test(String(part)) ? part : "(unprintable)")).join(".");
}

/** True: one of them lies within the other, so that a mistake at one may be the cause of a mistake at the other. */
export function related(a: Path, b: Path): boolean {
  const [one, other] = [subject(a), subject(b)];
  const shared = Math.min(one.length, other.length);
  return one.slice(0, shared).every((part, index) => part === other[index]);
}

/** A mistake at `x_file`, or at the `file` of a list entry, is one at the secret that it stands for. */
function subject(path: Path): Path {
  const last = path.at(-1);
  if (last === "file" && typeof path.at(-2) === "number") return path.slice(0, -1);
  return typeof last === "string" ? [...path.slice(0, -1), last.replace(/_file$/, "")] : path;
}
