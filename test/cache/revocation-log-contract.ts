// What every log of revocations must do, whatever keeps it. Each implementation's test runs this suite on its own.

import { describe, expect, test } from "vitest";
import type { Revocation } from "../../src/exchange/ports.ts";
import type { LogEntry, RevocationLog } from "../../src/exchange/revocation-ports.ts";
import { nowMs } from "./fixtures.ts";

export const nowSeconds = nowMs / 1_000;

export function tokenRevocation(id: string, given: { provider?: string; expiresAt?: number } = {}): Revocation {
  return { kind: "token", provider: "main", id: `jti:${id}`, expiresAt: nowSeconds + 300, ...given };
}

export function subjectRevocation(id: string, given: { provider?: string; until?: number; expiresAt?: number } = {}): Revocation {
  return { kind: "subject", provider: "main", id, until: nowSeconds, expiresAt: nowSeconds + 300, ...given };
}

export interface RevocationLogSubject {
  /** Two replicas with one log; where the process is the authority, the same log twice. */
  logs(): readonly [RevocationLog, RevocationLog];
}

const revocationsOf = (entries: readonly LogEntry[]): readonly LogEntry["revocation"][] => entries.map(({ revocation }) => revocation);

export function revocationLogContract(subject: RevocationLogSubject): void {
  test("an empty log says so", async () => {
    const [log] = subject.logs();
    const { head, entries } = await log.readSince(0, 10);
    expect({ seq: head.seq, entries }).toEqual({ seq: 0, entries: [] });
  });

  test("what one replica appends the other reads, in order, with everything that was said", async () => {
    const [log, other] = subject.logs();
    const all = [tokenRevocation("a"), subjectRevocation("alice"), tokenRevocation("ü 🦊", { provider: "other" })];
    const positions = [];
    for (const one of all) positions.push(await log.append(one));
    const { head, entries } = await other.readSince(0, 10);
    expect(entries).toEqual(all.map((revocation, index) => ({ seq: index + 1, revocation })));
    expect(positions.map(({ seq }) => seq)).toEqual([1, 2, 3]);
    expect(head).toEqual(positions.at(-1));
    expect(head.log).not.toBe("");
  });

  test("a reader goes on where it stopped, page by page, and learns when it has reached the end", async () => {
    const [log, other] = subject.logs();
    for (const id of ["a", "b", "c"]) await log.append(tokenRevocation(id));
    const first = await other.readSince(0, 2);
    expect(first.entries.map(({ seq }) => seq)).toEqual([1, 2]);
    expect(first.head.seq).toBe(3);
    const second = await other.readSince(2, 2);
    expect(revocationsOf(second.entries)).toEqual([tokenRevocation("c")]);
    expect((await other.readSince(3, 2)).entries).toEqual([]);
    await log.append(tokenRevocation("d"));
    expect(revocationsOf((await other.readSince(3, 2)).entries)).toEqual([tokenRevocation("d")]);
  });

  test("the same thing revoked again takes one place, not two: a flood of repeats does not grow the log", async () => {
    const [log, other] = subject.logs();
    for (let count = 0; count < 20; count += 1) await (count % 2 === 0 ? log : other).append(tokenRevocation("a"));
    const { entries } = await log.readSince(0, 100);
    expect(revocationsOf(entries)).toEqual([tokenRevocation("a")]);
  });

  test.each<[string, Revocation, Revocation]>([
    ["another kind", tokenRevocation("a"), { ...subjectRevocation("a"), id: "jti:a" }],
    ["another provider", tokenRevocation("a"), tokenRevocation("a", { provider: "other" })],
    ["a moved boundary", subjectRevocation("a b"), subjectRevocation("b", { provider: "main a" })],
  ])("%s is another thing", async (_, one, other) => {
    const [log] = subject.logs();
    await log.append(one);
    await log.append(other);
    expect(revocationsOf((await log.readSince(0, 10)).entries)).toEqual([one, other]);
  });

  describe("a weaker revocation takes nothing back:", () => {
    const strong = { until: nowSeconds, expiresAt: nowSeconds + 300 };
    const weak = { until: nowSeconds - 60, expiresAt: nowSeconds + 200 };
    const cases: readonly [string, Revocation, Revocation][] = [
      ["a shorter one", tokenRevocation("a"), tokenRevocation("a", { expiresAt: weak.expiresAt })],
      ["an earlier epoch", subjectRevocation("a", strong), subjectRevocation("a", weak)],
      [
        "a later epoch for a shorter time",
        subjectRevocation("a", { ...strong, until: weak.until }),
        subjectRevocation("a", { ...strong, expiresAt: weak.expiresAt }),
      ],
    ];
    test.each(cases.flatMap(([name, one, other]) => [[`${name}, after`, one, other] as const, [`${name}, before`, other, one] as const]))(
      "%s",
      async (_, one, other) => {
        const [log] = subject.logs();
        await log.append(one);
        await log.append(other);
        const said = revocationsOf((await log.readSince(0, 10)).entries);
        expect(Math.max(...said.map(({ expiresAt }) => expiresAt))).toBe(strong.expiresAt);
        const latest = Math.max(...said.map((all) => (all.kind === "subject" ? all.until : 0)));
        expect(latest).toBe(one.kind === "subject" ? strong.until : 0);
      },
    );
  });

  test("a follower that reads while fifty are appended from two replicas at once misses none", async () => {
    const [log, other] = subject.logs();
    const ids = Array.from({ length: 50 }, (_, index) => `id-${index}`);
    let done = false;
    const appending = Promise.all(ids.map((id, index) => (index % 2 === 0 ? log : other).append(tokenRevocation(id)))).finally(() => {
      done = true;
    });
    const seen = new Map<number, string>();
    let since = 0;
    for (let last = false; !last;) {
      last = done;
      const { head, entries } = await other.readSince(since, 100);
      for (const { seq, revocation } of entries) seen.set(seq, revocation.id);
      since = Math.max(since, head.seq);
    }
    await appending;
    expect([...seen.values()].toSorted()).toEqual(ids.map((id) => `jti:${id}`).toSorted());
    expect(since).toBe(50);
  });
}
