// The supervisor's part of /metrics: whichever worker is asked, all say their numbers. One round at a time: the path is open to
// everybody who reaches the port, and who asks during a round gets what it finds.

import type { Exposition } from "./messages.ts";
import type { WorkerProcess } from "./worker-process.ts";

type Asked = Pick<WorkerProcess, "number" | "send">;

export interface Scrapes {
  /** This worker wants to know. */
  ask(by: Asked): void;
  /** This worker's numbers, of that round. */
  tell(from: Asked, round: number, text: string): void;
}

/** Milliseconds that a worker has. One whose event loop is held up for longer is missing from that round. */
const roundMs = 2_000;

interface Round {
  readonly number: number;
  readonly askedBy: Set<Asked>;
  readonly texts: Map<Asked, string | undefined>;
  readonly timer: NodeJS.Timeout;
}

/** @param workers those that have numbers to say */
export function createScrapes(workers: () => readonly Asked[]): Scrapes {
  let rounds = 0;
  let current: Round | undefined;

  function begin(): Round {
    rounds += 1;
    const texts = new Map(workers().map((worker) => [worker, undefined]));
    const round: Round = { number: rounds, askedBy: new Set(), texts, timer: setTimeout(() => finish(round), roundMs) };
    for (const worker of texts.keys()) worker.send({ kind: "expose", scrape: round.number });
    return round;
  }

  function finish({ askedBy, texts, timer }: Round): void {
    clearTimeout(timer);
    current = undefined;
    const all: readonly Exposition[] = [...texts].map(([{ number: worker }, text]) => ({ worker, text }));
    for (const worker of askedBy) worker.send({ kind: "expositions", all: all.toSorted((one, other) => one.worker - other.worker) });
  }

  return {
    ask(by) {
      current ??= begin();
      current.askedBy.add(by);
    },
    tell(from, number, text) {
      if (current?.number !== number || !current.texts.has(from)) return;
      current.texts.set(from, text);
      if (![...current.texts.values()].includes(undefined)) finish(current);
    },
  };
}
