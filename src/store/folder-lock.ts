// One process per folder, held by the operating system: a process that was killed holds nothing any more, one that only sleeps still
// does, and names of processes, which mean nothing between containers, are not needed.

import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

/** @returns gives it up, at the first call; undefined: another process holds it. @throws Error with the system's code where the folder cannot be used */
export function lockFolder(folder: string): (() => void) | undefined {
  const lock = new DatabaseSync(join(folder, "lock"), { timeout: 0 });
  try {
    lock.exec("begin exclusive");
    return () => {
      if (lock.isOpen) lock.close();
    };
  } catch (failure) {
    lock.close();
    if (isBusy(failure)) return undefined;
    throw failure;
  }
}

/** SQLITE_BUSY. */
function isBusy(failure: unknown): boolean {
  return failure instanceof Error && "errcode" in failure && failure.errcode === 5;
}
