// What a verification found, as values: where, and what. It owns their form and how many are kept. Names of files come from a folder
// that somebody may write in: all of it is printable ASCII.

import { asciiText } from "./ascii-json.ts";

export interface Finding {
  readonly file: string;
  /** From 1; undefined: it is about the file as a whole. */
  readonly line: number | undefined;
  readonly problem: string;
}

/** What a verification says of a trail. */
export interface Report {
  /** Without a finding. */
  readonly intact: boolean;
  /** The first `maxFindings` of them. */
  readonly findings: readonly Finding[];
  /** What is no damage and should be known. */
  readonly notes: readonly string[];
  readonly records: number;
  /** Of the first file, as that names it: its random bits, in hex. */
  readonly chain: string | undefined;
  /** Undefined: there are no records. */
  readonly first: number | undefined;
  readonly last: number | undefined;
}

/** One cut is one finding; a file of another kind is a finding per line, of which the first ones say it all. */
const maxFindings = 50;
const maxNotes = 200;

export interface Findings {
  add(finding: Finding): void;
  note(text: string): void;
  readonly list: readonly Finding[];
  readonly notes: readonly string[];
}

export function createFindings(): Findings {
  const list: Finding[] = [];
  const notes: string[] = [];
  return {
    add({ file, line, problem }) {
      if (list.length < maxFindings) list.push({ file: asciiText(file), line, problem: asciiText(problem) });
    },
    note(text) {
      if (notes.length < maxNotes) notes.push(asciiText(text));
    },
    list,
    notes,
  };
}

/** Record numbers in words. */
export function recordsNamed(first: number, last: number): string {
  return first === last ? `record ${first}` : `records ${first} to ${last}`;
}
