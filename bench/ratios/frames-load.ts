// Load of calls that differ from each other, by frames-client.ts over a few connections: as fast as the service goes with a number of
// them under way, or at a rate by chance whether or not those before were answered.

import { setTimeout as sleep } from "node:timers/promises";
import { nextArrivalMs, type Random } from "../random.ts";
import { connectFrames, type FramesClient, mostUnderWay } from "./frames-client.ts";
import type { Headers } from "./frames.ts";

const connections = 4;
/** Over all connections. */
export const callsUnderWay = 64;

/** Longer than any call may take: its deadline is at most half of that. */
const stallMs = 30_000;

export interface FramesLoad {
  /** Milliseconds that all of them took together. */
  closedLoop(messages: readonly Buffer[]): Promise<number>;
  /** Each is timed from the instant it was due. */
  openLoop(arrivals: { readonly perSecond: number; readonly random: Random }, messages: readonly Buffer[]): Promise<OpenTimings>;
  /** Calls that did not succeed, so far. */
  failures(): number;
  close(): void;
}

export interface OpenTimings {
  /** Milliseconds of each call, in the order of the messages. */
  readonly sinceDueMs: readonly number[];
  /** How much of that was over before it was sent: what the generator is to blame for. */
  readonly lateMs: readonly number[];
}

export async function createFramesLoad(url: string, path: string, headers: Headers): Promise<FramesLoad> {
  const clients = await Promise.all(Array.from({ length: connections }, () => connectFrames(url, path, headers)));
  let failures = 0;

  function call(client: FramesClient, message: Buffer, done: () => void): void {
    client.call(message, (succeeded) => {
      if (!succeeded) failures += 1;
      done();
    });
  }

  return {
    async closedLoop(messages) {
      const all = Promise.withResolvers<void>();
      let [sent, answered] = [0, 0];
      const next = (client: FramesClient): void => {
        const message = messages[sent];
        if (message === undefined) return;
        sent += 1;
        call(client, message, () => {
          answered += 1;
          if (answered === messages.length) all.resolve();
          else next(client);
        });
      };
      const beganMs = performance.now();
      for (const client of clients) for (let place = 0; place < callsUnderWay / connections; place += 1) next(client);
      if (messages.length > 0) await unlessStalled(all.promise, () => answered);
      return performance.now() - beganMs;
    },
    async openLoop({ perSecond, random }, messages) {
      const sinceDueMs: number[] = Array.from({ length: messages.length }, () => 0);
      const lateMs: number[] = [];
      const underWay = clients.map(() => 0);
      const beganMs = performance.now();
      let dueMs = nextArrivalMs(perSecond, random);
      let left = messages.length;
      const all = Promise.withResolvers<void>();
      for (const [index, message] of messages.entries()) {
        // A connection that has no place waits, and its calls are timed from when they were due all the same.
        while (beganMs + dueMs > performance.now() || Math.min(...underWay) >= mostUnderWay) await sleep(1);
        const place = underWay.indexOf(Math.min(...underWay));
        const client = clients[place];
        if (client === undefined) throw new Error("there is no connection");
        const due = beganMs + dueMs;
        lateMs.push(performance.now() - due);
        underWay[place] = (underWay[place] ?? 0) + 1;
        call(client, message, () => {
          sinceDueMs[index] = performance.now() - due;
          underWay[place] = (underWay[place] ?? 0) - 1;
          left -= 1;
          if (left === 0) all.resolve();
        });
        dueMs += nextArrivalMs(perSecond, random);
      }
      if (messages.length > 0) await unlessStalled(all.promise, () => left);
      return { sinceDueMs, lateMs };
    },
    failures: () => failures,
    close() {
      for (const client of clients) client.close();
    },
  };
}

/** @throws Error where nothing was answered for a long time: a benchmark must end */
async function unlessStalled(all: Promise<void>, progress: () => number): Promise<void> {
  const stalled = Promise.withResolvers<never>();
  let before = progress();
  const timer = setInterval(() => {
    if (progress() === before) stalled.reject(new Error(`no call was answered for ${stallMs / 1_000} s`));
    before = progress();
  }, stallMs);
  try {
    await Promise.race([all, stalled.promise]);
  } finally {
    clearInterval(timer);
  }
}
