// The file system as the trail needs it, and the real one. It holds no rule of the trail; tests put a failing disk in its place.

import { createReadStream } from "node:fs";
import { constants, lstat, open, readFile, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { codeOf } from "./failures.ts";
import { maxLineBytes } from "./read-record.ts";

/** A file that is only ever appended to. Each rejects with the system's error, whose `code` says what it met. */
export interface TrailHandle {
  append(bytes: Uint8Array): Promise<void>;
  /** Its bytes are on the disk when it resolves. */
  sync(): Promise<void>;
  truncate(bytes: number): Promise<void>;
  close(): Promise<void>;
}

/** Trail files by path. */
export interface TrailFiles {
  /** A new, empty one, readable and writable by this user only, in place of what has that name. */
  create(path: string): Promise<TrailHandle>;
  /** Undefined: there is none. `id` follows the file when it is renamed. Links, folders and devices are refused. */
  look(path: string): Promise<{ readonly id: string; readonly bytes: number } | undefined>;
  rename(from: string, to: string): Promise<void>;
  /** Names in the folder of this path are on the disk when it resolves. */
  syncFolder(path: string): Promise<void>;
}

/** Puts a text that was made ready where it belongs. */
export type PutInPlace = () => Promise<void>;

/** Files of one line beside a trail file. */
export interface SideFiles {
  /** Undefined: there is none. */
  read(path: string): Promise<string | undefined>;
  /** Makes the text ready as `fresh`, beside its place. Readers see the old text or the new one. */
  stage(path: string, text: string, fresh: string): Promise<PutInPlace>;
  /** False: there is one already. */
  make(path: string, text: string): Promise<boolean>;
  remove(path: string): Promise<void>;
}

export interface Disk {
  readonly trail: TrailFiles;
  readonly side: SideFiles;
  readonly pieces: (path: string) => AsyncIterable<Uint8Array>;
}

const mode = 0o600;
/** O_EXCL and O_NOFOLLOW: a link that somebody else has put there leads nowhere. */
const newFile = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_APPEND | constants.O_NOFOLLOW;
/** Of one read. */
const pieceBytes = 262_144;

export const pieces = (path: string): AsyncIterable<Uint8Array> => createReadStream(path, { highWaterMark: pieceBytes });

export async function readSideFile(path: string): Promise<string | undefined> {
  const bytes = await orUndefined(readFile(path));
  if (bytes !== undefined && bytes.length > maxLineBytes) throw Object.assign(new Error("side file too long"), { code: "EFBIG" });
  return bytes?.toString("latin1");
}

export const realDisk: Disk = {
  trail: {
    async create(path) {
      await rm(path, { force: true });
      const file = await open(path, newFile, mode);
      return {
        append: (bytes) => file.appendFile(bytes),
        sync: () => file.datasync(),
        truncate: (bytes) => file.truncate(bytes),
        close: () => file.close(),
      };
    },
    async look(path) {
      const found = await orUndefined(lstat(path, { bigint: true }));
      if (found?.isFile() === false) throw Object.assign(new Error("not a file"), { code: "NOT_A_FILE" });
      return found === undefined ? undefined : { id: `${found.dev}:${found.ino}`, bytes: Number(found.size) };
    },
    rename,
    async syncFolder(path) {
      await using folder = await open(dirname(path), constants.O_RDONLY);
      await folder.sync();
    },
  },
  side: {
    read: readSideFile,
    async stage(path, text, fresh) {
      if (!(await make(fresh, text))) {
        // Left over: it was never put in its place.
        await rm(fresh, { force: true });
        await write(fresh, text);
      }
      return () => rename(fresh, path);
    },
    make,
    remove: (path) => rm(path, { force: true }),
  },
  pieces,
};

async function make(path: string, text: string): Promise<boolean> {
  try {
    await write(path, text);
    return true;
  } catch (failure) {
    if (codeOf(failure) === "EEXIST") return false;
    throw failure;
  }
}

async function write(path: string, text: string): Promise<void> {
  await using file = await open(path, newFile, mode);
  await file.appendFile(text);
}

/** What is not there; every other failure stays one. */
async function orUndefined<T>(found: Promise<T>): Promise<T | undefined> {
  try {
    return await found;
  } catch (failure) {
    if (codeOf(failure) === "ENOENT") return undefined;
    throw failure;
  }
}
