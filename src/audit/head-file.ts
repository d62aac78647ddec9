// FILE.head: the last signed line once more, in a file of its own. It is made ready beside its place while its batch is being written, and
// counts from when it is put there. What it shows is for last-signed.ts and verify.ts to say.

import type { PutInPlace, SideFiles } from "./disk.ts";
import type { Lock } from "./lock-file.ts";
import { headPathOf, stagedHeadPath } from "./trail-names.ts";

export interface HeadFile {
  /** One at a time. What it fails with is told to whoever waits for it; after a batch that failed nobody does. */
  stage(line: string): Promise<PutInPlace>;
  /** None is being made ready any more, and nothing of one is left beside its place. Never rejects. */
  close(): Promise<void>;
}

const ignore = (): void => undefined;

/**
 * Made ready under a name of the lock's holder: whoever takes the lock over meanwhile, and the one before until it sees that, must not put
 * what is the other's in its place.
 */
export async function openHeadFile(side: SideFiles, path: string, { token, before }: Lock): Promise<HeadFile> {
  const remove = (holder: string) => side.remove(stagedHeadPath(path, holder)).catch(ignore);
  let staging = Promise.resolve();
  if (before !== undefined) await remove(before);

  return {
    stage(line) {
      const staged = staging.then(() => side.stage(headPathOf(path), line, stagedHeadPath(path, token)));
      staging = staged.then(ignore, ignore);
      return staged;
    },
    async close() {
      await staging;
      await remove(token);
    },
  };
}
