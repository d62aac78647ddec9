import { Writable } from "node:stream";
import { afterEach, expect, it, vi } from "vitest";
import { createAudit } from "../../src/audit/audit.ts";
import { createStandardOutput, type Destination } from "../../src/audit/standard-output.ts";
import { verifyTrail } from "../../src/audit/verify.ts";
import { eventually } from "../support/eventually.ts";
import { entry, intent, ourKey, ourPublicKey, startMs } from "./trail-rig.ts";

const clock = () => startMs;
const trailTo = (destination: Destination) => {
  const sink = createStandardOutput({ destination, key: ourKey, clock, random: (size) => Buffer.alloc(size, 1) });
  return createAudit({ sink, clock, onState: () => {} });
};

function collected() {
  const texts: string[] = [];
  const text = () => texts.join("");
  async function* pieces() {
    yield Buffer.from(text());
    await Promise.resolve();
  }
  const verify = () =>
    verifyTrail(
      { files: ["captured"], trusted: new Set([ourPublicKey]), live: false },
      { pieces, sideFile: () => Promise.resolve(undefined), exists: () => Promise.resolve(false) },
    );
  const kinds = () =>
    text()
      .split("\n")
      .slice(0, -1)
      .map((line) => (JSON.parse(line) as { kind: string }).kind);
  return { destination: { write: (line: string) => void texts.push(line) }, kinds, verify };
}

afterEach(() => {
  vi.useRealTimers();
});

it("writes one chain that can be verified", async () => {
  const output = collected();
  const audit = trailTo(output.destination);
  await audit.open();
  await audit.intend(intent("request-1"));
  audit.record(entry("request-1"));
  await audit.close();
  expect(output.kinds()).toEqual(["open", "checkpoint", "intent", "outcome", "close"]);
  expect((await output.verify()).intact).toBe(true);
});

it("signs after a thousand records", async () => {
  const output = collected();
  const audit = trailTo(output.destination);
  await audit.open();
  for (let at = 0; at < 1_001; at += 1) await audit.intend(intent(`request-${at}`));
  await audit.close();
  expect(output.kinds().lastIndexOf("checkpoint")).toBe(2 + 1_000);
  expect((await output.verify()).intact).toBe(true);
});

it("signs what was written after a minute, and nothing where nothing was", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  const output = collected();
  const audit = trailTo(output.destination);
  await audit.open();
  vi.advanceTimersByTime(60_000);
  expect(output.kinds()).toEqual(["open", "checkpoint"]);
  await audit.intend(intent("request-1"));
  vi.advanceTimersByTime(59_999);
  expect(output.kinds()).toEqual(["open", "checkpoint", "intent"]);
  vi.advanceTimersByTime(1);
  expect(output.kinds()).toEqual(["open", "checkpoint", "intent", "checkpoint"]);
  await audit.close();
  expect((await output.verify()).intact).toBe(true);
});

it("holds back no more than one batch from a reader that is slow", async () => {
  const taken: (() => void)[] = [];
  const stream = new Writable({ write: (_chunk, _encoding, done) => void taken.push(() => done()) });
  const audit = trailTo(stream);
  const opened = audit.open();
  taken.shift()?.();
  await opened;
  for (let at = 0; at < 5_000; at += 1) audit.record(entry(`request-${at}`));
  await eventually("the first batch", () => taken.length === 1);
  const { writableLength } = stream;
  expect(writableLength).toBeGreaterThan(0);
  expect(writableLength).toBeLessThan(1_001 * 600);
  await new Promise(setImmediate);
  expect(stream.writableLength).toBe(writableLength);
  const closed = audit.close();
  await eventually("the end", () => {
    taken.shift()?.();
    return audit.status === "away";
  });
  await closed;
});

it("a reader that has gone refuses intents and does not end the process", async () => {
  let gone = false;
  const stream = new Writable({
    write(_chunk, _encoding, done) {
      done(gone ? Object.assign(new Error("gone"), { code: "EPIPE" }) : null);
    },
  });
  const audit = trailTo(stream);
  await audit.open();
  gone = true;
  await expect(audit.intend(intent("request-1"))).rejects.toThrow("AUDIT_UNAVAILABLE");
  expect(audit.status).toBe("away");
  await audit.close();
});
