// Replicas of Cambio as processes of their own, each in one of three places. Whoever is killed is followed at once by one that was
// started before, on another port, as behind a load balancer.

import { type Child, startChild } from "../support/child.ts";
import { endWithUs } from "../support/orphans.ts";

export const placeCount = 3;

/** Started ahead: a start takes about a second of one core, and kills come faster than that. */
const standbyCount = 3;
/** Longer than any run. */
const lifeMs = 3_600_000;

export interface Replica {
  readonly url: string;
  /** From right before the signal on. */
  isKilled(): boolean;
}

export interface Replicas {
  at(place: number): Replica;
  /** Resolves when one stands by. Without it a kill would leave its place empty. */
  untilStandby(): Promise<void>;
  /** SIGKILL, and the next one in its place. @throws Error where none stands by */
  kill(place: number): void;
  close(): Promise<void>;
}

interface Running extends Replica {
  kill(): void;
}

export async function startReplicas(configuration: string): Promise<Replicas> {
  const children = new Set<Child>();
  const standby: Running[] = [];
  let waiting = Promise.withResolvers<void>();
  let closing = false;

  async function start(): Promise<Running> {
    const child = startChild(["src/cli/cambio.mjs", "serve", configuration], {}, lifeMs);
    endWithUs(child.process);
    children.add(child);
    child.process.once("close", () => children.delete(child));
    await child.untilOutput(/"msg":"listening"/);
    let killed = false;
    return {
      url: /"url":"([^"]+)"/.exec(child.output())?.[1] ?? "",
      isKilled: () => killed,
      kill() {
        killed = true;
        child.process.kill("SIGKILL");
      },
    };
  }

  function startNext(): void {
    start().then(
      (running) => {
        standby.push(running);
        waiting.resolve();
      },
      (failure: unknown) => void (closing || waiting.reject(failure)),
    );
  }

  async function close(): Promise<void> {
    closing = true;
    for (const child of children) child.process.kill("SIGKILL");
    await Promise.allSettled([...children].map(({ ended }) => ended));
  }

  const places: Running[] = [];
  try {
    // One after the other: the first makes the tables.
    while (places.length < placeCount) places.push(await start());
  } catch (failure) {
    await close();
    throw failure;
  }
  for (let count = 0; count < standbyCount; count += 1) startNext();

  function at(place: number): Running {
    const running = places[place];
    if (running === undefined) throw new Error(`there is no place ${place}`);
    return running;
  }

  return {
    at,
    untilStandby: () => waiting.promise,
    kill(place) {
      const next = standby.shift();
      if (next === undefined) throw new Error("nobody stands by");
      if (standby.length === 0) waiting = Promise.withResolvers();
      const victim = at(place);
      places[place] = next;
      victim.kill();
      startNext();
    },
    close,
  };
}
