// Answers of providers that are not in the database yet: a folder of this process's own, of sealed files that are on the disk before anything
// depends on them. After a crash the next process that takes the folder finds for each refresh that was begun under it: an answer, a
// mark that its token was being sent, or nothing, which means that it was not.

import { closeSync, constants, fsyncSync, mkdirSync, openSync, readdirSync, renameSync, writeSync } from "node:fs";
import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { storeUnavailable } from "../exchange/store-unavailable.ts";
import type { Sealer } from "../sealing/sealer.ts";
import type { OnAlarm } from "../sealing/tamper-alarm.ts";

/** One attempt to refresh one generation of a connection. */
export interface SpoolPlace {
  readonly connection: string;
  readonly generation: number;
  readonly attempt: number;
}

export interface Spool {
  /** By which intents name it; the same for whoever takes the folder next. */
  readonly name: string;
  /** Right before a token is sent. On the disk when it returns. @throws ExchangeError STORE_UNAVAILABLE: then nothing may be sent */
  sending(place: SpoolPlace): void;
  /** On the disk when it resolves. @throws Error where it cannot be */
  keep(place: SpoolPlace, answer: Uint8Array): Promise<void>;
  /** It is in the database, or of no use any more. Never throws: what stays is found, and found to be old, by whoever looks next. */
  forget(place: SpoolPlace): Promise<void>;
  /** What there is. An answer that does not open counts as none, and raises an alarm. */
  left(): Promise<readonly SpoolLeft[]>;
}

/**
 * sending: its token was being sent. unsent: it was about to be, and certainly was not. unreadable: there is an answer, and no key that opens
 * it, or it was not written here.
 */
export type SpoolLeft =
  | { readonly place: SpoolPlace; readonly kind: "answer"; readonly answer: Uint8Array }
  | { readonly place: SpoolPlace; readonly kind: "sending" | "unsent" | "unreadable" };

/** Nothing outlives the process: an answer that is not in the database when it dies is lost, and so is its grant. */
export const noSpool: Spool = {
  name: "",
  sending: () => undefined,
  keep: () => Promise.resolve(),
  forget: () => Promise.resolve(),
  left: () => Promise.resolve([]),
};

const fileMode = 0o600;
const folderMode = 0o700;
/** One spelling for each place, so that what was found under a name is read under it. */
const fileName = /^([A-Za-z0-9_-]{1,64})\.(0|[1-9][0-9]{0,9})\.(0|[1-9][0-9]{0,9})\.(sending\.new|sending|answer)$/;
/** Tokens of an answer of 1 MiB, sealed and encoded twice. */
const maxAnswerBytes = 4 * 1_048_576;
/** Whoever may write to the folder may put a link or a pipe there: neither is followed nor waited for. */
const carefully = constants.O_NOFOLLOW | constants.O_NONBLOCK;
const readFlags = constants.O_RDONLY | carefully;
const writeFlags = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | carefully;
/** What opening says of names that are no files of ours. */
const notAFile: ReadonlySet<string | undefined> = new Set(["ENOENT", "ELOOP", "EISDIR", "ENXIO", "ENODEV"]);

export interface SpoolDeps {
  /** Purpose `spool`. */
  readonly sealer: Sealer;
  readonly onAlarm: OnAlarm;
  /** Of the operating system. Undefined: not known. */
  readonly boot?: string | undefined;
}

/** @param folder of this process alone, as long as it lives. @throws Error with the system's code where it cannot be used */
export function openSpool(folder: string, name: string, { sealer, onAlarm, boot = "" }: SpoolDeps): Spool {
  mkdirSync(folder, { recursive: true, mode: folderMode });
  const pathOf = ({ connection, generation, attempt }: SpoolPlace, kind: "sending" | "answer") =>
    join(folder, `${connection}.${generation}.${attempt}.${kind}`);

  async function answerAt(place: SpoolPlace): Promise<Uint8Array | undefined> {
    const sealed = await contentsOf(pathOf(place, "answer"));
    const opened = sealed === undefined ? undefined : sealer.open(sealed, bound(place));
    if (opened === undefined) onAlarm({ kind: "unreadable", store: "spool" });
    return opened;
  }

  async function isOfThisBoot(place: SpoolPlace): Promise<boolean> {
    const written = await contentsOf(`${pathOf(place, "sending")}.new`);
    return boot !== "" && written !== undefined && Buffer.from(written).toString("latin1") === boot;
  }

  return {
    name,
    sending(place) {
      // Within the process's own turn: what follows is the first byte, and nothing may come in between. The mark is on the disk before it has
      // its name, which takes as long as the disk does: a process that dies meanwhile has certainly not sent, as whoever finds it can tell
      // while the system has not died as well.
      const path = pathOf(place, "sending");
      try {
        fsyncOf(`${path}.new`, writeFlags, boot);
        fsyncOf(folder, "r");
        renameSync(`${path}.new`, path);
      } catch (failure) {
        throw storeUnavailable({ code: systemCodeOf(failure) ?? "SPOOL", outcome: "refused" });
      }
    },
    async keep(place, answer) {
      const path = pathOf(place, "answer");
      const file = await open(`${path}.new`, writeFlags, fileMode);
      try {
        await file.writeFile(sealer.seal(answer, bound(place)));
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(`${path}.new`, path);
      await syncFolder(folder);
    },
    async forget(place) {
      const answer = pathOf(place, "answer");
      // The mark last: without it, and without an answer, the token would count as not sent.
      const mark = pathOf(place, "sending");
      for (const path of [`${answer}.new`, answer, mark, `${mark}.new`]) {
        await rm(path, { force: true }).catch(() => undefined);
      }
    },
    async left() {
      const found = new Map<string, { readonly place: SpoolPlace; readonly kinds: Set<string> }>();
      for (const file of readdirSync(folder)) {
        const [, connection = "", generation, attempt, kind] = fileName.exec(file) ?? [];
        if (kind === undefined) continue;
        const place = { connection, generation: Number(generation), attempt: Number(attempt) };
        const key = pathOf(place, "sending");
        found.set(key, { place, kinds: (found.get(key)?.kinds ?? new Set()).add(kind) });
      }
      const all = [...found.values()].map(async ({ place, kinds }): Promise<SpoolLeft> => {
        if (!kinds.has("answer")) return { place, kind: kinds.has("sending") || !(await isOfThisBoot(place)) ? "sending" : "unsent" };
        const answer = await answerAt(place);
        return answer === undefined ? { place, kind: "unreadable" } : { place, kind: "answer", answer };
      });
      return Promise.all(all);
    },
  };
}

function bound({ connection, generation, attempt }: SpoolPlace): readonly string[] {
  return ["spool", connection, String(generation), String(attempt)];
}

/** Undefined: no file, or none that was written here. @throws Error where it cannot be read */
async function contentsOf(path: string): Promise<Uint8Array | undefined> {
  let file: FileHandle;
  try {
    file = await open(path, readFlags);
  } catch (failure) {
    if (notAFile.has(systemCodeOf(failure))) return undefined;
    throw failure;
  }
  try {
    const status = await file.stat();
    return status.isFile() && status.size <= maxAnswerBytes ? await file.readFile() : undefined;
  } finally {
    await file.close();
  }
}

/** A word for the log: nothing of a path. */
function systemCodeOf(failure: unknown): string | undefined {
  return failure instanceof Error && "code" in failure ? String(failure.code) : undefined;
}

function fsyncOf(path: string, flags: number | "r", contents = ""): void {
  const descriptor = openSync(path, flags, fileMode);
  try {
    if (contents !== "") writeSync(descriptor, contents, null, "latin1");
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** A name in a folder is on the disk once the folder is. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
