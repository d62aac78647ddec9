// Who works: as many as there should be, each in a place with a number. One that dies is followed by another, later if the last ones did
// not live long; when nobody is left who could serve, that is the end. It knows neither signals nor processes.

import { setTimeout as wait } from "node:timers/promises";
import type { Log } from "../telemetry/log.ts";
import type { Ending, WorkerProcess } from "./worker-process.ts";

export interface CrewParts {
  readonly launch: (number: number, isFirst: boolean) => WorkerProcess;
  readonly log: () => Log;
}

export interface Crew {
  /** The first alone, as its configuration is that of all; then the others. Undefined: all are ready. Else why one is not. */
  begin(): Promise<Failure | undefined>;
  /** Resolves when nobody is left and another would not help. */
  readonly lost: Promise<Failure>;
  /** All that can say numbers. */
  serving(): readonly WorkerProcess[];
  /** Each reads the configuration again; one that is just starting does so once more when it is ready. */
  reload(): void;
  /** One after the other is replaced by a new one, which is ready before the old one stops. */
  replaceAll(): Promise<void>;
  /** All finish what is in flight. @returns whether each that was asked to ended as it should */
  stop(): Promise<boolean>;
  /** At once. */
  kill(): void;
}

/** What to say at the end, and to whom it happened. */
export interface Failure {
  readonly worker: number;
  readonly ending: Ending;
  /** It was ready before. */
  readonly hadServed: boolean;
}

/** Milliseconds. Who dies earlier died of something that the next one is likely to meet, too. */
const steadyMs = 10_000;
const firstPauseMs = 500;
const longestPauseMs = 30_000;
/** Of each worker in a row, while nobody serves: more do not help. */
const maxShortLives = 5;
/** Milliseconds until one that replaces another is not waited for any more. The other still serves. */
const readyWithinMs = 60_000;
/** Milliseconds until one that was replaced is ended. The longest drain is half of it. */
const goneWithinMs = 600_000;

interface Member {
  readonly process: WorkerProcess;
  state: "starting" | "serving" | "leaving";
  /** The configuration was changed after it may have been read. */
  isStale: boolean;
}

export function createCrew({ launch, log }: CrewParts, size: number): Crew {
  const members = new Map<number, Member>();
  const lost = Promise.withResolvers<Failure>();
  let phase: "beginning" | "working" | "stopping" = "beginning";
  let shortLives = 0;
  let again: NodeJS.Timeout | undefined;
  let replacing: Promise<void> | undefined;
  let replaceOnceMore = false;

  const all = () => [...members.values()];
  const staying = () => all().filter(({ state }) => state !== "leaving");

  function start(isFirst = false): Member {
    let number = 1;
    // A place is free when its last process has ended, and nothing is written there any more.
    while (members.has(number)) number += 1;
    const member: Member = { process: launch(number, isFirst), state: "starting", isStale: false };
    members.set(number, member);
    void follow(member);
    return member;
  }

  async function follow(member: Member): Promise<void> {
    const { number, pid, ready, ended } = member.process;
    if ((await ready) !== undefined) {
      log().info({ worker: number, pid }, "a worker is ready");
      if (member.state === "starting") member.state = "serving";
      if (member.isStale) member.process.send({ kind: "reload" });
    }
    onEnd(member, await ended);
  }

  function onEnd({ process: { number }, state }: Member, ending: Ending): void {
    members.delete(number);
    if (phase !== "working" || state === "leaving") return;
    const hadServed = state === "serving";
    shortLives = hadServed && ending.lifeMs >= steadyMs ? 0 : shortLives + 1;
    const pauseMs = shortLives === 0 ? 0 : Math.min(longestPauseMs, firstPauseMs * 2 ** Math.floor((shortLives - 1) / size));
    const facts = { worker: number, status: ending.status, mistakes: ending.failure?.trimEnd().split("\n") };
    log().error(facts, hadServed ? "a worker ended" : "a worker ended before it was ready");
    const helpless = !hadServed || shortLives >= maxShortLives * size;
    if (members.size === 0 && helpless) lost.resolve({ worker: number, ending, hadServed });
    else again ??= setTimeout(complete, pauseMs);
  }

  function complete(): void {
    again = undefined;
    if (phase !== "working") return;
    for (let missing = size - staying().length; missing > 0; missing -= 1) start();
  }

  async function failureOf({ process: { number, ready, ended } }: Member): Promise<Failure | undefined> {
    return (await ready) === undefined ? { worker: number, ending: await ended, hadServed: false } : undefined;
  }

  /** False: it stays as it is. */
  async function replace(old: Member): Promise<boolean> {
    const fresh = start();
    const isReady = await Promise.race([fresh.process.ready, wait(readyWithinMs, undefined, { ref: false })]);
    if (isReady === undefined) {
      fresh.process.kill();
      return false;
    }
    leave(old, "leave");
    const late = setTimeout(() => old.process.kill(), goneWithinMs);
    await old.process.ended;
    clearTimeout(late);
    return true;
  }

  function leave(member: Member, kind: "leave" | "stop"): void {
    member.state = "leaving";
    member.process.send({ kind });
  }

  async function replaceOnce(): Promise<void> {
    if (phase !== "working") return;
    log().info({ workers: size }, "workers are replaced one after the other");
    for (const old of staying()) {
      if (phase !== "working") return;
      // One that died meanwhile has a younger one in its place.
      if (members.get(old.process.number) !== old) continue;
      if (await replace(old)) continue;
      if (phase === "working") log().error({}, "a new worker did not become ready: those that serve go on, and no other is replaced");
      return;
    }
    log().info({ workers: size }, "all workers were replaced");
  }

  async function replaceAndAgain(): Promise<void> {
    do {
      replaceOnceMore = false;
      await replaceOnce();
    } while (replaceOnceMore);
    replacing = undefined;
  }

  return {
    lost: lost.promise,
    async begin() {
      const failed = await failureOf(start(true));
      if (failed !== undefined || phase === "stopping") return failed;
      const others = Array.from({ length: size - 1 }, () => failureOf(start()));
      const firstFailed = new Promise<Failure>((resolve) => {
        for (const other of others) void other.then((failure) => failure !== undefined && resolve(failure));
      });
      const failure = await Promise.race([firstFailed, Promise.all(others).then(() => undefined)]);
      if (failure !== undefined) return failure;
      if (phase === "beginning") phase = "working";
      // Who died after it was ready, and before all were.
      if (staying().length < size) again ??= setTimeout(complete, firstPauseMs);
      return undefined;
    },
    serving: () =>
      all()
        .filter(({ state }) => state !== "starting")
        .map(({ process }) => process),
    reload() {
      for (const member of all()) {
        if (member.state === "serving") member.process.send({ kind: "reload" });
        else member.isStale = true;
      }
    },
    async replaceAll() {
      if (phase !== "working") return;
      // What changed since the last one was asked for may have been read too early.
      if (replacing !== undefined) replaceOnceMore = true;
      await (replacing ??= replaceAndAgain());
    },
    async stop() {
      phase = "stopping";
      clearTimeout(again);
      const served = all().filter(({ state }) => state !== "starting");
      for (const member of all()) leave(member, "stop");
      await Promise.all(all().map(({ process }) => process.ended));
      const endings = await Promise.all(served.map(({ process }) => process.ended));
      return endings.every(({ status }) => status === 0);
    },
    kill() {
      phase = "stopping";
      clearTimeout(again);
      for (const { process } of all()) process.kill();
    },
  };
}
