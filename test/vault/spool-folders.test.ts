import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { lockFolder } from "../../src/store/folder-lock.ts";
import { takeSpoolFolders } from "../../src/vault/spool-folders.ts";
import { type Child, startChild } from "../support/child.ts";

let spool: string;
const children: Child[] = [];
beforeEach(() => {
  spool = mkdtempSync(join(tmpdir(), "cambio-folders-"));
});
afterEach(async () => {
  for (const child of children) child.process.kill("SIGKILL");
  await Promise.all(children.splice(0).map((child) => child.ended));
  rmSync(spool, { recursive: true, force: true });
});

const freshName = () => randomBytes(16).toString("hex");
const names = (count: number) => Array.from({ length: count }, (_each, index) => String(index).padStart(32, "0"));

/** A replica of its own, once it has its folders. */
async function replica(): Promise<{ readonly child: Child; readonly took: readonly string[] }> {
  const child = startChild([join(import.meta.dirname, "spool-process.ts"), spool]);
  children.push(child);
  await child.untilOutput(/\n/);
  return { child, took: child.output().trim().split(" ").slice(1) };
}

async function signal({ child }: { readonly child: Child }, name: "SIGKILL" | "SIGSTOP" | "SIGCONT"): Promise<void> {
  child.process.kill(name);
  if (name === "SIGKILL") await child.ended;
}

describe("replicas that share a spool", () => {
  it("never hold one folder together, also where they start at the same moment", async () => {
    const replicas = await Promise.all([replica(), replica(), replica()]);
    const taken = replicas.flatMap(({ took }) => took);
    expect([taken.length, new Set(taken).size, readdirSync(spool).length]).toEqual([3, 3, 3]);
  });

  it("take over the folder of one that was killed, each folder one of them", async () => {
    const [first, second] = [await replica(), await replica()];
    await signal(first, "SIGKILL");
    await signal(second, "SIGKILL");
    const [third, fourth] = await Promise.all([replica(), replica()]);
    const taken = [...third.took, ...fourth.took];
    expect(taken).toEqual(expect.arrayContaining([...first.took, ...second.took]));
    expect(new Set(taken).size).toBe(taken.length);
  });

  it("leave one that only sleeps its folder", async () => {
    const asleep = await replica();
    await signal(asleep, "SIGSTOP");
    const other = await replica();
    expect(other.took).not.toEqual(expect.arrayContaining([...asleep.took]));
    expect(lockFolder(join(spool, asleep.took[0] ?? ""))).toBeUndefined();
    await signal(asleep, "SIGCONT");
  });
});

describe("a spool's folders", () => {
  it("are all taken where nobody holds them: the first is for new refreshes", () => {
    for (const name of names(3)) mkdirSync(join(spool, name));
    expect(takeSpoolFolders(spool, freshName).map(({ name }) => name)).toEqual(names(3));
  });

  it("are this user's only, the spool itself as well", () => {
    const inner = join(spool, "a", "b");
    const [first] = takeSpoolFolders(inner, freshName);
    expect([inner, first.path].map((path) => statSync(path).mode & 0o777)).toEqual([0o700, 0o700]);
  });

  it("are given back once, however often that is asked for", () => {
    const [first] = takeSpoolFolders(spool, freshName);
    first.release();
    const [next] = takeSpoolFolders(spool, freshName);
    first.release();
    expect(next.name).toBe(first.name);
    expect(lockFolder(next.path)).toBeUndefined();
    next.release();
  });

  it("that another process takes as they are made are left to it, and another one is made", () => {
    const [taken, free] = [names(2)[0] ?? "", names(2)[1] ?? ""];
    const given = [taken, free];
    let release: (() => void) | undefined;
    const [first] = takeSpoolFolders(spool, () => {
      mkdirSync(join(spool, taken), { recursive: true });
      release ??= lockFolder(join(spool, taken));
      return given.shift() ?? "";
    });
    expect(first.name).toBe(free);
    release?.();
  });

  it("are none of the other things that lie there", () => {
    mkdirSync(join(spool, "other"));
    writeFileSync(join(spool, names(1)[0] ?? ""), "");
    expect(takeSpoolFolders(spool, () => names(2)[1] ?? "").map(({ name }) => name)).toEqual(names(2).slice(1));
  });

  it("are bounded in number", () => {
    for (const name of names(1_024)) mkdirSync(join(spool, name));
    expect(() => takeSpoolFolders(spool, freshName)).toThrow("1024 folders");
  });
});
