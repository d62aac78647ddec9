// Records of the trail that somebody asks for, and how they are written for a reader. Nothing is verified here beyond each line's
// own hash: whether the trail is whole is for verify.ts to say.

import { asciiJson, asciiText } from "./ascii-json.ts";
import { linesOf } from "./lines-of.ts";
import { readRecord, type TrailRecord } from "./read-record.ts";

/** What all shown records have in common; at least one is given. */
export interface Wanted {
  readonly request?: string | undefined;
  readonly caller?: string | undefined;
  readonly kind?: string | undefined;
}

export interface Shown {
  readonly found: number;
  /** Lines that are no records as they were written. */
  readonly damaged: number;
}

export interface ShowQuestion {
  readonly file: string;
  readonly wanted: Wanted;
  readonly print: (text: string) => void;
}

/** @throws whatever a file that cannot be read throws */
export async function showRecords(
  { file, wanted, print }: ShowQuestion,
  pieces: (path: string) => AsyncIterable<Uint8Array>,
): Promise<Shown> {
  let found = 0;
  let damaged = 0;
  for await (const { number, text, whole } of linesOf(pieces(file))) {
    const record = whole && text !== undefined ? readRecord(text) : "foreign";
    if (typeof record === "string") damaged += 1;
    else if (isWanted(record, wanted)) {
      found += 1;
      print(readable(record, `${file}:${number}`));
    }
  }
  return { found, damaged };
}

function isWanted({ kind, members }: TrailRecord, wanted: Wanted): boolean {
  if (wanted.request !== undefined && members["request_id"] !== wanted.request) return false;
  if (wanted.caller !== undefined && members["caller"] !== wanted.caller) return false;
  return wanted.kind === undefined || kind === wanted.kind;
}

/** What the first line says, and what only holds the chain together. */
const notListed: ReadonlySet<string> = new Set(["seq", "time", "kind", "prev", "sig", "hash"]);
const nameWidth = 14;

function readable({ seq, kind, members }: TrailRecord, place: string): string {
  const lines = Object.entries(members)
    .filter(([name]) => !notListed.has(name))
    .map(([name, value]) => `  ${valueText(name).padEnd(nameWidth)} ${valueText(value)}\n`);
  return `${String(members["time"])}  ${kind}  record ${seq}  ${asciiText(place)}\n${lines.join("")}`;
}

/** A plain word stands as it is; whatever could be taken for something else stays in quotes and escapes. */
function valueText(value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? "none" : value.map(valueText).join(" ");
  return typeof value === "string" && /^[\w.:/@+*[\]-]+$/.test(value) ? value : asciiJson(value);
}
