import { spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { realDisk } from "../../src/audit/disk.ts";
import { isProcessAlive, takeLock } from "../../src/audit/lock-file.ts";
import { startChild } from "../support/child.ts";
import { createTrailRig, emptyFolder } from "./trail-rig.ts";

const options = { files: realDisk.side, random: (size: number) => Buffer.alloc(size, 1), pid: 100, isAlive: () => true };

describe("a lock", () => {
  it("is not given to a second process while the first one lives", async () => {
    const path = join(emptyFolder(), "lock");
    const lock = await takeLock(path, options);
    expect(await lock?.isOurs()).toBe(true);
    expect(await takeLock(path, { ...options, pid: 101 })).toBeUndefined();
    expect(await lock?.isOurs()).toBe(true);
  });

  it.each([
    ["a dead process", "99 abc\n", { isAlive: (pid: number) => pid !== 99 }],
    ["an earlier run with the same process id", "100 abc\n", {}],
    ["nobody who can be named", "", {}],
  ])("of %s is taken over", async (_, text, given) => {
    const path = join(emptyFolder(), "lock");
    writeFileSync(path, text);
    expect(await (await takeLock(path, { ...options, ...given }))?.isOurs()).toBe(true);
  });

  it("that was taken over is not removed by who has lost it", async () => {
    const path = join(emptyFolder(), "lock");
    const lost = await takeLock(path, options);
    const lock = await takeLock(path, { ...options, random: (size) => Buffer.alloc(size, 2) });
    await lost?.release();
    expect(await lost?.isOurs()).toBe(false);
    expect(await lock?.isOurs()).toBe(true);
    await lock?.release();
    expect(() => readFileSync(path)).toThrow("ENOENT");
  });
});

it("tells the living from the dead", async () => {
  const child = spawn(process.execPath, ["--eval", ""]);
  onTestFinished(() => void child.kill());
  const { pid = 0 } = child;
  expect(isProcessAlive(process.pid)).toBe(true);
  expect(isProcessAlive(1)).toBe(true);
  await new Promise((resolve) => child.once("close", resolve));
  expect(isProcessAlive(pid)).toBe(false);
});

it("a second process on the same file does not start", async () => {
  const rig = createTrailRig();
  await rig.start();
  const program = `
    import { createSecretKey, randomBytes } from "node:crypto";
    import { createTrailFile } from "./src/audit/trail-file.ts";
    const keys = [{ id: "1", key: createSecretKey(randomBytes(32)) }];
    await createTrailFile({ path: process.argv[1], rotateBytes: 1e6, keys, clock: Date.now, random: randomBytes })
      .open().catch((failure) => console.log(failure.name, failure.message));`;
  const child = startChild([process.execPath, "--input-type=module", "--eval", program, rig.path]);
  expect(await child.ended).toBe(0);
  expect(child.output()).toBe(`TrailStartError audit.file: another process is writing ${rig.path}\n`);
  expect((await rig.verify()).intact).toBe(true);
});
