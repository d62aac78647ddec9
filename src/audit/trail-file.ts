// The trail in a file: each batch is appended in one write, ends in a signed record and is on the disk before it counts. Files
// that are full, closed or doubtful are set aside under a name of their own, never changed and never removed; the next one goes
// on with their chain. When there is something to write is audit.ts.

import { basename } from "node:path";
import type { Clock } from "../exchange/ports.ts";
import type { MasterKey } from "../sealing/master-keys.ts";
import { type ChainedLines, chainStart, startLines } from "./chained-lines.ts";
import { type Disk, type PutInPlace, realDisk, type TrailHandle } from "./disk.ts";
import { asTrailFailure, type BatchOutcome, codeOf, TrailFailure, TrailStartError } from "./failures.ts";
import { type HeadFile, openHeadFile } from "./head-file.ts";
import { findTrailEnd, type TrailEnd } from "./last-signed.ts";
import { isProcessAlive, type Lock, takeLock } from "./lock-file.ts";
import { checkpointBody, closeBody, openBody } from "./record.ts";
import { createSigningKey } from "./signing-key.ts";
import type { Sink } from "./sink.ts";
import { headPathOf, lockPathOf, setAsidePath } from "./trail-names.ts";

export interface TrailFileOptions {
  readonly path: string;
  readonly rotateBytes: number;
  /** The first signs; the others know what was signed before. */
  readonly keys: readonly [MasterKey, ...MasterKey[]];
  readonly clock: Clock;
  readonly random: (size: number) => Uint8Array;
  /** Id of the process that holds the lock, where that is not this one: it lives for as long as whoever writes here in its name. */
  readonly lockHolder?: number;
  readonly disk?: Disk;
}

interface CurrentFile {
  readonly handle: TrailHandle;
  readonly head: HeadFile;
  readonly id: string;
  readonly firstSeq: number;
  /** What counts of it. */
  readonly bytes: number;
}

/** Files with the same first record: more of them mean that nothing here works. */
const maxSameNames = 1_000;
const chainIdBytes = 16;
const ignore = (): void => undefined;

export function createTrailFile(options: TrailFileOptions): Sink {
  const { path, rotateBytes, keys, clock, random, lockHolder = process.pid, disk = realDisk } = options;
  const { trail, side } = disk;
  const [key, ...olderKeys] = [createSigningKey(keys[0]), ...keys.slice(1).map(createSigningKey)];
  const freshPath = `${path}.new`;
  let held: { readonly lock: Lock; readonly head: HeadFile } | undefined;
  let current: CurrentFile | undefined;
  /** All that counts so far, and the file that holds the last of it. */
  let end: TrailEnd = { chain: "", point: chainStart, proven: true, file: undefined };
  /** Where that file is now, once it was set aside; `leftOver` bytes in it do not count. */
  let aside: { readonly file: string; readonly leftOver: number } | undefined;
  let folderSynced = true;

  async function open(): Promise<void> {
    const lock = await takeLock(lockPathOf(path), { files: side, random, pid: lockHolder, isAlive: isProcessAlive });
    if (lock === undefined) throw new TrailStartError(`audit.file: another process is writing ${path}`);
    const head = await openHeadFile(side, path, lock);
    held = { lock, head };
    const found = await findTrailEnd({ disk, path, headPath: headPathOf(path) }, [key, ...olderKeys]);
    if (found === "not a trail") throw new TrailStartError(`audit.file: ${path} holds something else; nothing was changed`);
    end = found ?? { ...end, chain: Buffer.from(random(chainIdBytes)).toString("hex") };
    // Once the file is set aside, and until the next one is begun, the head alone says where the trail ends.
    if (found?.unnamed !== undefined) await put(head.stage(`${found.unnamed}\n`));
    await begin();
  }

  /** The file to write to. One that was renamed, replaced, cut or added to by somebody else is not it any more. */
  async function usableFile(): Promise<CurrentFile> {
    if (current !== undefined) {
      const there = await trail.look(path);
      if (there?.id === current.id && there.bytes === current.bytes) return current;
      await abandon(current);
    }
    return begin();
  }

  async function begin(): Promise<CurrentFile> {
    // Whoever has taken the lock over writes under this name now.
    if (held === undefined || !(await held.lock.isOurs())) throw new TrailFailure("LOCK_LOST", "refused");
    const { head } = held;
    await setAside();
    const lines = startLines(end.point, key);
    const { file = basename(path), leftOver = 0 } = aside ?? {};
    const continues = end.point === chainStart ? undefined : { ...end.point, file, leftOver, proven: end.proven };
    lines.add(openBody({ chain: end.chain, keyId: key.id, publicKey: key.publicKey, continues }, clock()));
    lines.addSigned(checkpointBody(end.chain, clock()));
    const bytes = Buffer.from(lines.lines.join(""));
    const staged = head.stage(lines.lines.at(-1) ?? "");
    const handle = await trail.create(freshPath);
    let id: string | undefined;
    try {
      await handle.append(bytes);
      await handle.sync();
      id = (await trail.look(freshPath))?.id;
      // Under its own name it has a signed beginning from the first moment on.
      await trail.rename(freshPath, path);
    } catch (failure) {
      await letGo(handle);
      throw failure;
    }
    folderSynced = false;
    aside = undefined;
    const begun = { handle, head, id: id ?? "", firstSeq: end.point.seq + 1, bytes: bytes.length };
    count(begun, lines);
    await settle(staged, "refused");
    return begun;
  }

  async function setAside(): Promise<void> {
    const there = await trail.look(path);
    if (there === undefined || there.bytes === 0) return;
    for (let attempt = 1; attempt <= maxSameNames; attempt += 1) {
      const to = setAsidePath(path, end.file?.firstSeq ?? 0, attempt);
      if ((await trail.look(to)) !== undefined) continue;
      await trail.rename(path, to);
      folderSynced = false;
      aside = { file: basename(to), leftOver: Math.max(0, there.bytes - (end.file?.bytes ?? 0)) };
      return;
    }
    throw new TrailFailure("EEXIST", "refused");
  }

  async function append(file: CurrentFile, bodies: readonly string[], stopping: boolean): Promise<void> {
    const lines = startLines(end.point, key);
    for (const body of bodies) lines.add(body);
    const isFull = lines.lines.reduce((sum, line) => sum + line.length, file.bytes) >= rotateBytes;
    const last = isFull || stopping ? closeBody(end.chain, stopping ? "stopped" : "rotated", clock()) : checkpointBody(end.chain, clock());
    lines.addSigned(last);
    const bytes = Buffer.from(lines.lines.join(""));
    const staged = file.head.stage(lines.lines.at(-1) ?? "");
    try {
      await file.handle.append(bytes);
    } catch (failure) {
      throw new TrailFailure(codeOf(failure), (await undo(file)) ? "refused" : "unknown");
    }
    try {
      await file.handle.sync();
    } catch (failure) {
      // What the disk has of it is unknown, and a second sync would report success for pages that the first has lost.
      await abandon(file);
      throw new TrailFailure(codeOf(failure), "unknown");
    }
    count({ ...file, bytes: file.bytes + bytes.length }, lines);
    if (isFull || stopping) await abandon(file);
    await settle(staged, "written");
  }

  /** From here on, what was written counts. */
  function count(file: CurrentFile, written: ChainedLines): void {
    current = file;
    end = { ...end, point: written.end(), proven: true, file };
  }

  /** Makes it stand against a power cut and a cut tail. What did not work is tried again with every batch. */
  async function settle(staged: Promise<PutInPlace>, outcome: BatchOutcome): Promise<void> {
    try {
      if (!folderSynced) await trail.syncFolder(path);
      folderSynced = true;
      // Not synced: after a power cut an older head is as good, as every batch in the file ends in a signature of its own.
      await put(staged);
    } catch (failure) {
      throw new TrailFailure(codeOf(failure), outcome);
    }
  }

  /** Takes a torn write back. */
  async function undo(file: CurrentFile): Promise<boolean> {
    try {
      await file.handle.truncate(file.bytes);
      return true;
    } catch {
      await abandon(file);
      return false;
    }
  }

  async function release(): Promise<void> {
    await held?.head.close();
    await held?.lock.release();
  }

  async function abandon({ handle }: CurrentFile): Promise<void> {
    current = undefined;
    await letGo(handle);
  }

  return {
    async open() {
      try {
        await open();
      } catch (failure) {
        await release().catch(ignore);
        if (failure instanceof TrailStartError) throw failure;
        throw new TrailStartError(`audit.file: ${path} cannot be written (${codeOf(failure)})`);
      }
    },
    async write(bodies) {
      try {
        await append(await usableFile(), bodies, false);
      } catch (failure) {
        // Until the bodies are appended nothing of them can be anywhere.
        throw asTrailFailure(failure, "refused");
      }
    },
    async close() {
      try {
        if (current !== undefined) await append(await usableFile(), [], true);
      } finally {
        if (current !== undefined) await abandon(current);
        await release();
      }
    },
  };
}

async function put(staged: Promise<PutInPlace>): Promise<void> {
  const putInPlace = await staged;
  await putInPlace();
}

/** Its bytes were synced, or do not count: how closing ends changes nothing. */
async function letGo(handle: TrailHandle): Promise<void> {
  await handle.close().catch(ignore);
}
