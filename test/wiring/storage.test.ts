import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { configurationSchema } from "../../src/config/schema.ts";
import { createOneTimeNames } from "../../src/sealing/one-time-names.ts";
import { createSealer } from "../../src/sealing/sealer.ts";
import { migrate } from "../../src/store/migrate.ts";
import { createOneTimeStore } from "../../src/store/one-time-store.ts";
import { openDatabase } from "../../src/store/open-database.ts";
import { sealedColumns } from "../../src/store/sealed-columns.ts";
import { createLog } from "../../src/telemetry/log.ts";
import { createMetrics } from "../../src/telemetry/metrics.ts";
import { wireStorage } from "../../src/wiring/storage.ts";
import { frozenClock, masterKey, pendingState } from "../cache/fixtures.ts";
import { recordingAudit } from "../exchange/fixtures.ts";

it("a stored value that an attacker wrote over ours is a security event that names its place, and no rule of a client", async () => {
  const folder = await mkdtemp(join(tmpdir(), "cambio-storage-"));
  const file = join(folder, "cambio.db");
  const clock = frozenClock();
  const foreign = openDatabase({ kind: "sqlite", file });
  await migrate(foreign);
  await createOneTimeStore({
    database: foreign,
    names: createOneTimeNames([masterKey("k")]),
    sealer: createSealer([masterKey("k", 9)], sealedColumns.pendingState.purpose),
    clock,
    onAlarm: () => undefined,
  }).keepState("state", pendingState());
  await foreign.close();

  const audit = recordingAudit();
  const metrics = createMetrics();
  const log = createLog({ level: "error", destination: { write: () => undefined } });
  const storage = await wireStorage(
    configurationSchema.parse({ database: { file }, providers: {}, clients: {} }),
    { clock, log, metrics, audit, keys: [masterKey("k")] },
    { provider: () => undefined, refreshAheadMs: () => undefined, issuerOf: () => undefined, upstreamLimitMs: () => 0 },
  );
  await storage.oneTime.takeState("state").catch(() => undefined);
  expect(audit.entries).toEqual([{ kind: "security", event: "unreadable_value_in_states" }]);
  await storage.close();
  metrics.close();
  await rm(folder, { recursive: true, force: true });
});
