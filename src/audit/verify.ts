// Whether files hold the trail as it was written: each for itself, and each as the one that the next goes on from. What it cannot
// see: that files and head were all put back to an older state together, while no process was writing. Only a copy elsewhere
// shows that.

import { createFindings, type Findings, type Report } from "./findings.ts";
import { linesOf } from "./lines-of.ts";
import { type OpenRecord, readOpening, readRecord } from "./read-record.ts";
import { quoted } from "./verify-chain.ts";
import { type FileAnswer, type TrailReader, verifyFile } from "./verify-file.ts";

export interface VerifyQuestion {
  /** In the order of their records. */
  readonly files: readonly string[];
  /** Public keys that are believed; undefined: those that the files name, which proves only that they agree with themselves. */
  readonly trusted: ReadonlySet<string> | undefined;
  /** The last file is being written. */
  readonly live: boolean;
}

/** Reads files of any size in a few megabytes of memory. @throws whatever a file that cannot be read throws */
export async function verifyTrail({ files, trusted, live }: VerifyQuestion, reader: TrailReader): Promise<Report> {
  const findings = createFindings();
  const openings: (OpenRecord | undefined)[] = [];
  for (const path of files) openings.push(await openingOf(path, reader));

  let records = 0;
  const before = openings[0]?.continues;
  const first = openings[0] === undefined ? undefined : (before?.seq ?? 0) + 1;
  let last: number | undefined;
  for (const [at, path] of files.entries()) {
    const next = openings[at + 1];
    const isLast = at === files.length - 1;
    const answer = await verifyFile({ path, next, trusted, live: live && isLast }, reader, findings);
    const following = files[at + 1];
    if (following !== undefined) checkLink(following, { here: answer, next }, findings);
    records += answer.records;
    last = answer.signed?.seq ?? last;
  }
  if (before !== undefined) findings.note(`begins at record ${before.seq + 1}: goes on from ${quoted(before.file)}, which was not given`);
  const { list, notes } = findings;
  return { intact: list.length === 0, findings: list, notes, records, chain: openings[0]?.chain, first, last };
}

function checkLink(file: string, { here, next }: { here: FileAnswer; next: OpenRecord | undefined }, findings: Findings): void {
  const at = (problem: string) => findings.add({ file, line: 1, problem });
  if (next === undefined) return;
  if (next.continues === undefined || next.chain !== here.opening?.chain)
    at("begins another trail, and does not go on from the file before");
}

/** Undefined: its first line is no beginning; what is wrong with it is said when the file is verified. */
async function openingOf(path: string, reader: TrailReader): Promise<OpenRecord | undefined> {
  for await (const { text } of linesOf(reader.pieces(path))) {
    const record = text === undefined ? "foreign" : readRecord(text);
    return typeof record === "string" ? undefined : readOpening(record);
  }
  return undefined;
}
