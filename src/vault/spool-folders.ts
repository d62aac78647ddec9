// Which folder of a spool is this process's: the first that no living process holds. What one that died has left in any of them is found by
// the next process that starts, whichever that is.

import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { lockFolder } from "../store/folder-lock.ts";

export interface SpoolFolder {
  readonly path: string;
  readonly name: string;
  /** Another process may take it from now on. */
  release(): void;
}

const folderMode = 0o700;
/** Replicas that share a spool, and what dead ones have left in it. */
const maxFolders = 1_024;
const maxTries = 8;
const folderName = /^[0-9a-f]{32}$/;

/**
 * Takes all that nobody holds, one at least. The first is for new refreshes, the others only hold what was left.
 * @throws Error with the system's code where the spool cannot be used
 */
export function takeSpoolFolders(spool: string, freshName: () => string): readonly [SpoolFolder, ...SpoolFolder[]] {
  mkdirSync(spool, { recursive: true, mode: folderMode });
  const names = readdirSync(spool, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() && folderName.test(entry.name) ? [entry.name] : [],
  );
  if (names.length >= maxFolders) throw new Error(`the spool has ${maxFolders} folders already`);
  const free = names.toSorted().flatMap((name) => take(spool, name) ?? []);
  const [first, ...others] = free;
  if (first !== undefined) return [first, ...others];
  for (let tries = 0; tries < maxTries; tries += 1) {
    const name = freshName();
    mkdirSync(join(spool, name), { recursive: true, mode: folderMode });
    const made = take(spool, name);
    // Another process that starts at the same moment takes what it finds, and may find it first.
    if (made !== undefined) return [made];
  }
  throw new Error("each new folder of the spool was taken as it was made");
}

function take(spool: string, name: string): SpoolFolder | undefined {
  const path = join(spool, name);
  const release = lockFolder(path);
  return release === undefined ? undefined : { path, name, release };
}
