// A series: one thing whose rate is measured, in rounds that take turns, so that whatever else the machine does falls on all of them.

import { cpuMicrosOf } from "./cpu-time.ts";

export interface Series {
  readonly name: string;
  /** Of the server that is asked. */
  readonly pid: number;
  /**
   * One round of it.
   * @throws Error where a call failed, or was answered otherwise than the series is about
   */
  readonly play: () => Promise<Burst>;
  /** What goes before the first round. Absent: a round that is not counted. */
  readonly warmUp?: () => Promise<unknown>;
}

export interface Burst {
  readonly calls: number;
  readonly perSecond: number;
}

export interface Round {
  readonly perSecond: number;
  /** CPU time of the server for each call, in microseconds. NaN: the system does not tell. */
  readonly cpuMicros: number;
}

/** By name of the series. */
export type Rounds = ReadonlyMap<string, readonly Round[]>;

/** The first calls of a server go into compiling it, and are not counted. */
export async function playRounds(series: readonly Series[], count: number): Promise<Rounds> {
  for (const { warmUp, play } of series) await (warmUp ?? play)();
  const rounds = new Map<string, Round[]>(series.map(({ name }) => [name, []]));
  for (let round = 0; round < count; round += 1) {
    for (const one of series) rounds.get(one.name)?.push(await playOne(one));
  }
  return rounds;
}

async function playOne({ pid, play }: Series): Promise<Round> {
  const before = cpuMicrosOf(pid);
  const { calls, perSecond } = await play();
  return { perSecond, cpuMicros: (cpuMicrosOf(pid) - before) / calls };
}
