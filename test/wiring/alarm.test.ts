import { setImmediate } from "node:timers/promises";
import { expect, it } from "vitest";
import { createLog } from "../../src/telemetry/log.ts";
import { createMetrics } from "../../src/telemetry/metrics.ts";
import { createOnAlarm } from "../../src/wiring/alarm.ts";
import { recordingAudit } from "../exchange/fixtures.ts";

it("an attacker who can publish to Redis writes one line and one record a second for each kind and store, with their number", async () => {
  const lines: Record<string, unknown>[] = [];
  const log = createLog({ level: "warn", destination: { write: (line) => lines.push(JSON.parse(line) as Record<string, unknown>) } });
  const audit = recordingAudit();
  const metrics = createMetrics();
  const seconds: (() => void)[] = [];
  const onAlarm = createOnAlarm({ log, metrics, audit }, () => new Promise((resolve) => void seconds.push(resolve)));
  const aSecond = async (): Promise<void> => {
    for (const over of seconds.splice(0)) over();
    await setImmediate();
  };
  const told = () => lines.splice(0).map(({ kind, store, count }) => `${String(kind)} ${String(store)} ${String(count)}`);

  for (let count = 0; count < 1_000; count += 1) onAlarm({ kind: "unreadable", store: "revocations" });
  onAlarm({ kind: "implausible", store: "revocations" });
  expect(told()).toEqual(["unreadable revocations 1", "implausible revocations 1"]);
  await aSecond();
  expect(told()).toEqual(["unreadable revocations 999"]);
  onAlarm({ kind: "unreadable", store: "revocations" });
  expect(told()).toEqual([]);
  await aSecond();
  expect(told()).toEqual(["unreadable revocations 1"]);
  await aSecond();
  onAlarm({ kind: "unreadable", store: "revocations" });
  expect(told()).toEqual(["unreadable revocations 1"]);

  const unreadable = { kind: "security", event: "unreadable_value_in_revocations" };
  const implausible = { kind: "security", event: "implausible_value_in_revocations" };
  expect(audit.entries).toEqual([unreadable, implausible, unreadable, unreadable, unreadable]);
  expect((await metrics.expose()).text).toContain("cambio_cache_alarms_total 1003");
  metrics.close();
});
