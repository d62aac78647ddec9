// One file of the trail as a whole: how it begins and ends, where the next one goes on from, and the head beside it. The records
// between are verify-chain.ts; several files in their order are verify.ts.

import { createFindings, type Findings } from "./findings.ts";
import { linesOf } from "./lines-of.ts";
import { isSigned, type OpenRecord, readRecord, type TrailRecord } from "./read-record.ts";
import type { Continues } from "./record.ts";
import { createSignatureCheck } from "./signing-key.ts";
import { headPathOf, trailPathOf } from "./trail-names.ts";
import { createChainCheck, type SignedEnd } from "./verify-chain.ts";

/** What verification needs of the disk. */
export interface TrailReader {
  pieces(path: string): AsyncIterable<Uint8Array>;
  /** Undefined: there is none. */
  sideFile(path: string): Promise<string | undefined>;
  exists(path: string): Promise<boolean>;
}

export interface FileQuestion {
  readonly path: string;
  /** What the next file given says of itself; undefined: this is the last one. */
  readonly next: OpenRecord | undefined;
  readonly trusted: ReadonlySet<string> | undefined;
  /** It is being written: what is not signed yet is not judged. */
  readonly live: boolean;
}

export interface FileAnswer {
  readonly opening: OpenRecord | undefined;
  readonly signed: SignedEnd | undefined;
  readonly records: number;
}

export async function verifyFile(
  { path, next, trusted, live }: FileQuestion,
  reader: TrailReader,
  findings: Findings,
): Promise<FileAnswer> {
  const whole = (problem: string) => findings.add({ file: path, line: undefined, problem });
  const goesOn = next?.continues;
  // Before the file: a process that is writing it can only have added records since.
  const head = goesOn === undefined ? await readHead(path, reader, findings) : undefined;

  // What stands behind the last signature is judged at the end.
  let held = createFindings();
  const release = () => {
    for (const finding of held.list) findings.add(finding);
    held = createFindings();
  };
  let reached = false;
  const chain = createChainCheck({
    file: path,
    trusted,
    findings: { ...findings, add: (finding) => held.add(finding) },
    onSigned(signed) {
      release();
      if (signed.seq === head?.seq && signed.hash !== head.hash) whole(`record ${signed.seq} is not the one that the head names`);
      if (signed.seq !== goesOn?.seq) return;
      reached = true;
      if (signed.hash !== goesOn.hash) whole(`record ${signed.seq} is not the one that the next file goes on from`);
    },
  });
  let bytes = 0;
  for await (const line of linesOf(reader.pieces(path))) {
    bytes = line.end;
    // The rest is what a failed write has left; the next file says how much that is.
    if (!reached) chain.line(line);
  }
  const answer = chain.state();
  const { opening, signed } = answer;
  const behind = bytes - (signed?.bytes ?? 0);

  if (goesOn !== undefined) {
    release();
    judgeLink({ path, goesOn, reached, signed, behind }, findings);
    return answer;
  }
  if (live && behind > 0) findings.note(`${path}: what stands behind record ${signed?.seq ?? 0} is not signed yet and was not judged`);
  else {
    if (held.list.length === 0 && behind > 0) whole(`what stands behind its last signed record is not signed: ${lastNamed(signed)}`);
    release();
  }
  if (opening === undefined && bytes === 0) whole("holds no record");
  else await judgeEnd({ path, opening, signed, head }, reader, findings);
  return answer;
}

interface LinkedFile {
  readonly path: string;
  readonly goesOn: Continues;
  readonly reached: boolean;
  readonly signed: SignedEnd | undefined;
  /** Bytes behind its last signed record. */
  readonly behind: number;
}

/** A file that the next one goes on from: is this where it ended, and is nothing else there? */
function judgeLink({ path, goesOn, reached, signed, behind }: LinkedFile, findings: Findings): void {
  const whole = (problem: string) => findings.add({ file: path, line: undefined, problem });
  if (!reached) whole(`cut: the next file goes on from record ${goesOn.seq}, ${lastNamed(signed)}`);
  else if (behind !== goesOn.leftOver)
    whole(`${behind} bytes stand behind its last record, not ${goesOn.leftOver} as when it was set aside`);
  else if (behind > 0)
    findings.note(`${path}: ${behind} bytes behind record ${goesOn.seq} are left from a write that failed, and no part of the trail`);
  if (!goesOn.proven) whole("its end was not proven when the service began again: it may have been cut before");
}

interface LastFile {
  readonly path: string;
  readonly opening: OpenRecord | undefined;
  readonly signed: SignedEnd | undefined;
  readonly head: TrailRecord | undefined;
}

/** A file after which none was given: what shows that it was not cut? */
async function judgeEnd({ path, opening, signed, head }: LastFile, reader: TrailReader, findings: Findings): Promise<void> {
  const whole = (problem: string) => findings.add({ file: path, line: undefined, problem });
  const isClosed = signed?.kind === "close";
  const trailPath = trailPathOf(path);
  const isOfTrail = head !== undefined && head.members["chain"] === opening?.chain;
  const isBehind = isOfTrail && head.seq > (signed?.seq ?? 0);

  if (trailPath !== undefined) {
    if (!isClosed) whole("has no end; give the file that goes on from it, too");
    if (!isBehind) return;
    if (await reader.exists(trailPath)) findings.note(`${path}: the trail goes on to record ${head.seq} in files that were not given`);
    else whole(`the trail goes on to record ${head.seq}, but ${trailPath} is missing`);
    return;
  }
  if (isBehind) whole(`cut: the head says that the trail goes on to record ${head.seq}, ${lastNamed(signed)}`);
  if (isClosed) return;
  if (head === undefined) whole("has no end, and there is no head beside it: it may have been cut");
  else if (!isOfTrail) whole("the head beside it belongs to another trail");
  else if (!headHolds(head, opening)) whole("the signature of the head beside it does not hold");
  else findings.note(`${path}: not closed; a process is writing it, or was killed`);
}

function headHolds(head: TrailRecord, opening: OpenRecord | undefined): boolean {
  // Right after a file was begun the head may still be that of the file before, under that one's key.
  if (opening?.continues?.seq === head.seq && opening.continues.hash === head.hash) return true;
  const check = createSignatureCheck(opening?.publicKey ?? "");
  return check !== undefined && head.signedBy(check);
}

async function readHead(path: string, reader: TrailReader, findings: Findings): Promise<TrailRecord | undefined> {
  const headPath = headPathOf(trailPathOf(path) ?? path);
  const text = await reader.sideFile(headPath);
  if (text === undefined) return undefined;
  const record = text.endsWith("\n") ? readRecord(text.slice(0, -1)) : "foreign";
  if (typeof record !== "string" && isSigned(record)) return record;
  findings.add({ file: headPath, line: undefined, problem: "was changed: it is no signed record" });
  return undefined;
}

function lastNamed(signed: SignedEnd | undefined): string {
  return signed === undefined ? "and no record here is signed" : `and the last signed one here is ${signed.seq}`;
}
