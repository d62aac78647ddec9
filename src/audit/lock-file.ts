// One writer per trail file. The lock names its holder's process, so that a dead holder's lock can be taken over, and a random
// token, so that a holder can see that it was taken over from him: process ids mean nothing beyond one container.

import type { SideFiles } from "./disk.ts";

export interface LockOptions {
  readonly files: SideFiles;
  readonly random: (size: number) => Uint8Array;
  readonly pid: number;
  readonly isAlive: (pid: number) => boolean;
}

export interface Lock {
  readonly token: string;
  /** Token of a holder who died with it, or lives elsewhere. */
  readonly before: string | undefined;
  isOurs(): Promise<boolean>;
  release(): Promise<void>;
}

const tokenBytes = 16;

/** Undefined: a living process holds it. */
export async function takeLock(path: string, { files, random, pid, isAlive }: LockOptions): Promise<Lock | undefined> {
  const token = Buffer.from(random(tokenBytes)).toString("hex");
  const text = `${pid} ${token}\n`;
  let before: string | undefined;
  const isOurs = async () => (await files.read(path)) === text;

  if (!(await files.make(path, text))) {
    const [, holder, theirs] = /^(\d{1,10}) ([0-9a-f]{32})?/.exec((await files.read(path)) ?? "") ?? [];
    // The same id as ours was that of an earlier run: in a container it is often 1.
    if (holder !== undefined && Number(holder) !== pid && isAlive(Number(holder))) return undefined;
    const putInPlace = await files.stage(path, text, `${path}.new`);
    await putInPlace();
    before = theirs;
    if (!(await isOurs())) return undefined;
  }
  return {
    token,
    before,
    isOurs,
    async release() {
      if (await isOurs()) await files.remove(path);
    },
  };
}

/** Also true where it belongs to another user. */
export function isProcessAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (failure) {
    return !(failure instanceof Error && "code" in failure && failure.code === "ESRCH");
  }
}
