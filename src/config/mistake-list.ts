// Gathers the mistakes of one file over the steps that find them.
// A later step keeps quiet about a place where an earlier one found the cause.

import { ConfigurationError, pathText, related } from "./mistakes.ts";
import type { Mistake, Path, Report } from "./mistakes.ts";

/** Line of a path in the file; undefined: not in the file. */
type LineOf = (path: Path) => number | undefined;

export interface MistakeList {
  /** Says where paths stand, once the text has been parsed. */
  readonly locate: (lineOf: LineOf) => void;
  /** A mistake of the file as a whole, or of one line. */
  readonly reportFile: (line: number | undefined, problem: string, fix: string) => void;
  /** What one step reports with; what has been reported until now counts as earlier. */
  readonly nextStep: () => Report;
  /** @throws ConfigurationError if there are any, in the order of the file; what is not in the file comes first. */
  readonly throwIfAny: () => void;
}

export function createMistakeList(file: string): MistakeList {
  const mistakes: Mistake[] = [];
  const paths: Path[] = [];
  let lineOf: LineOf | undefined;
  return {
    locate(find) {
      lineOf = find;
    },
    reportFile(line, problem, fix) {
      mistakes.push({ path: "", line, problem, fix });
    },
    nextStep() {
      const earlier = [...paths];
      return (path, problem, fix) => {
        if (earlier.some((other) => related(path, other))) return;
        paths.push(path);
        mistakes.push({ path: pathText(path), line: lineOf?.(path), problem, fix });
      };
    },
    throwIfAny() {
      if (mistakes.length === 0) return;
      const inOrder = mistakes.toSorted((one, other) => (one.line ?? 0) - (other.line ?? 0));
      throw new ConfigurationError(file, inOrder);
    },
  };
}
