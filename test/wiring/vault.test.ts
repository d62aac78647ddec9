import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { configurationSchema } from "../../src/config/schema.ts";
import { lockFolder } from "../../src/store/folder-lock.ts";
import { migrate } from "../../src/store/migrate.ts";
import { openSqlite } from "../../src/store/open-sqlite.ts";
import { createLog } from "../../src/telemetry/log.ts";
import { createMetrics } from "../../src/telemetry/metrics.ts";
import { SpoolStartError, spoolOf } from "../../src/wiring/vault.ts";
import { wireStorage } from "../../src/wiring/storage.ts";
import { frozenClock, masterKey } from "../cache/fixtures.ts";
import { recordingAudit } from "../exchange/fixtures.ts";
import { createVaultRig, removeSpools, shown } from "../vault/vault-rig.ts";

let folder: string;
const lines: string[] = [];
const metrics = createMetrics();
removeSpools();
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "cambio-wired-"));
  lines.length = 0;
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A process's storage over this file, with its spool beside it. */
function storageOver(file: string, spool?: string) {
  return wireStorage(
    configurationSchema.parse({ database: { file }, providers: {}, clients: {}, ...(spool === undefined ? {} : { vault: { spool } }) }),
    {
      clock: frozenClock(),
      log: createLog({ level: "info", destination: { write: (line) => void lines.push(line) } }),
      metrics,
      audit: recordingAudit(),
      keys: [masterKey("a")],
    },
    { provider: () => undefined, refreshAheadMs: () => undefined, issuerOf: () => undefined, upstreamLimitMs: () => 20_000 },
  );
}

describe("a process that starts with a spool", () => {
  it("takes up what one that was killed has left, gives its folder to others, and stops as any other", async () => {
    const file = join(folder, "cambio.db");
    const database = openSqlite(file);
    await migrate(database);
    const rig = createVaultRig();
    const spool = join(folder, "spool");
    const [own, left] = ["0".repeat(32), "1".repeat(32)];
    for (const name of [own, left]) mkdirSync(join(spool, name), { recursive: true });
    const dead = rig.process(database, { spoolFolder: join(spool, left), spool: left, dieAt: "spooled" });
    const { id } = await rig.signIn(dead);
    await expect(rig.ask(dead, id, { beyond: 0 })).rejects.toThrow("killed");
    await database.close();

    const storage = await storageOver(file, spool);
    await storage.start();
    expect(lines.filter((line) => line.includes("was taken up")).map((line) => JSON.parse(line) as object)).toMatchObject([
      { answers: 1, lost: 0, unsent: 0 },
    ]);
    const { vault } = storage;
    if (vault === undefined) throw new Error("there is no vault");
    const tokens = shown(await rig.ask(vault, id, { beyond: 0 }));
    expect([tokens.generation, rig.provider.presented.length]).toEqual([1, 1]);
    expect([isHeld(join(spool, own)), isHeld(join(spool, left))]).toEqual([true, false]);
    await storage.close();
    expect(isHeld(join(spool, own))).toBe(false);
    expect(readdirSync(join(spool, left))).toEqual(["lock"]);
  });

  it("that cannot be used is not started, and the reason holds no path", async () => {
    const file = join(folder, "cambio.db");
    const database = openSqlite(file);
    await migrate(database);
    await database.close();
    writeFileSync(join(folder, "taken"), "");
    const failure = await storageOver(file, join(folder, "taken")).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(failure).toBeInstanceOf(SpoolStartError);
    expect(String(failure)).toMatch(/the spool cannot be used \((EEXIST|ENOTDIR)\)/);
    expect(String(failure)).not.toContain(folder);
  });
});

it("a spool stands beside the database's file where none is named, and nowhere beside one that ends with the process", () => {
  expect(spoolGiven({ database: { file: "/data/cambio.db" } })).toBe("/data/cambio.db.spool");
  expect(spoolGiven({ database: { file: "/data/cambio.db" }, vault: { spool: "/spool" } })).toBe("/spool");
  expect(spoolGiven({ database: { file: ":memory:" } })).toBeUndefined();
  expect(spoolGiven({})).toBeUndefined();
});

function isHeld(path: string): boolean {
  const release = lockFolder(path);
  release?.();
  return release === undefined;
}

function spoolGiven(given: object): string | undefined {
  return spoolOf(configurationSchema.parse({ providers: {}, clients: {}, ...given }));
}
