// Replicas of Cambio as processes of their own, each in one of three places. Whoever is killed is followed at once by one that was
// started before, on another port, as behind a load balancer.

import { dirname, join } from "node:path";
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
  /** Resolves when one stands by: a kill without it would leave a place empty. @throws Error where one did not start */
  untilStandby(): Promise<void>;
  /** SIGKILL, and the next one in its place. @throws Error where none stands by */
  kill(place: number): void;
  close(): Promise<void>;
}

interface Running extends Replica {
  kill(): void;
}

export async function startReplicas(configuration: string): Promise<Replicas> {
  const env = { NODE_COMPILE_CACHE: join(dirname(configuration), "compiled") };
  const children = new Set<Child>();
  const standby: Running[] = [];
  const failures: unknown[] = [];
  let waiting = Promise.withResolvers<void>();

  async function start(): Promise<Running> {
    const child = startChild(["src/cli/cambio.mjs", "serve", configuration], env, lifeMs);
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
    const noted = start().then(
      (running) => standby.push(running),
      (failure: unknown) => failures.push(failure),
    );
    void noted.then(() => waiting.resolve());
  }

  async function close(): Promise<void> {
    for (const child of children) child.process.kill("SIGKILL");
    await Promise.allSettled([...children].map(({ ended }) => ended));
  }

  const places: Running[] = [];
  try {
    // The first makes the tables. It ends in order, and so leaves its modules compiled: a start then takes half of the computing.
    await start();
    const [first] = children;
    first?.process.kill("SIGTERM");
    await first?.ended;
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
    async untilStandby() {
      await waiting.promise;
      if (failures.length > 0) throw failures[0];
    },
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
