// Files of several workers' trails → one trail for each of them, its files in the order of their records. By name alone: what is in them
// is judged by verify.ts, each trail for itself.

import { trailPathOf } from "./trail-names.ts";

export interface WorkerTrail {
  /** The file that is written, or was last. It may not be among `files`. */
  readonly path: string;
  readonly files: readonly string[];
}

export interface WorkerTrails {
  readonly trails: readonly WorkerTrail[];
  /** Trails of lower numbers than one that is there: places are taken from 1 on, so each was written once. */
  readonly missing: readonly string[];
  /** No names of workers' files. */
  readonly strange: readonly string[];
}

const numbered = /^(.*)\.([1-9]\d{0,2})(\.[^./\\]*)?$/;

export function workerTrails(files: readonly string[]): WorkerTrails {
  const ofFile = files.map((file) => ({ file, path: trailPathOf(file) ?? file }));
  const byPath = Map.groupBy(ofFile, ({ path }) => path);
  const missing = new Set<string>();
  for (const path of byPath.keys()) {
    const [, before, number, after = ""] = numbered.exec(path) ?? [];
    for (let lower = 1; lower < Number(number); lower += 1) {
      const other = `${before}.${lower}${after}`;
      if (!byPath.has(other)) missing.add(other);
    }
  }
  const trails = [...byPath].map(([path, given]) => {
    // Names of files that were set aside are in the order of their records; the one that is written comes last.
    const aside = given.flatMap(({ file }) => (file === path ? [] : [file])).toSorted();
    return { path, files: [...aside, ...given.flatMap(({ file }) => (file === path ? [file] : []))] };
  });
  return {
    trails: trails.toSorted((one, other) => numberOf(one) - numberOf(other)),
    missing: [...missing],
    strange: [...byPath.keys()].filter((path) => !numbered.test(path)),
  };
}

function numberOf({ path }: WorkerTrail): number {
  return Number(numbered.exec(path)?.[2] ?? 0);
}
