// One replica as a process of its own, for as long as it lives: told when to die, put to sleep and woken, its journal read.

import { fork } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { endWithUs } from "../support/orphans.ts";
import { sawInTheRun } from "../support/run-canary.ts";
import { type JournalLine, type Order, readJournal } from "./deaths.ts";

export interface ReplicaProcess {
  readonly url: string;
  readonly journal: string;
  /** Resolves when it answers; rejects where it ends before that. */
  readonly listening: Promise<void>;
  /** It was told to die, or has died: whatever was asked of it may have no answer. */
  isDoomed(): boolean;
  /** By us. */
  isKilled(): boolean;
  /** Resolves when it knows. */
  give(order: Order): Promise<void>;
  /** Dies by its order, or after so long as it is. @returns where it died */
  die(order: Order | undefined, patienceMs: number): Promise<Order["at"] | "random">;
  pause(): void;
  resume(): void;
  /** In order. */
  stop(): Promise<void>;
  end(): Promise<void>;
}

export interface ReplicaStart {
  readonly configuration: string;
  readonly journal: string;
  /** Folder of compiled modules: a start then takes half of the computing. */
  readonly compiled: string;
  /** Of its clock. */
  readonly aheadMs: number;
}

export function startReplicaProcess({ configuration, journal, compiled, aheadMs }: ReplicaStart): ReplicaProcess {
  const child = fork(new URL("vault-replica.ts", import.meta.url).pathname, [configuration, journal, String(aheadMs)], {
    env: { ...process.env, NODE_COMPILE_CACHE: compiled },
    execArgv: [],
    silent: true,
  });
  endWithUs(child);
  let written = "";
  for (const stream of [child.stdout, child.stderr]) stream?.setEncoding("utf8").on("data", (text: string) => (written += text));
  const closed = once(child, "close").then(() => sawInTheRun("the output of a replica", written));
  let url = "";
  let killed = false;
  let doomed = false;
  const listening = new Promise<void>((resolve, reject) => {
    child.once("message", (given: unknown) => {
      url = typeof given === "string" ? given : "";
      resolve();
    });
    child.once("error", reject);
    child.once("close", () => reject(new Error(`a replica ended before it listened: ${written}`)));
  });
  listening.catch(() => undefined);
  child.once("exit", () => (doomed = true));

  async function end(signal: "SIGKILL" | "SIGTERM"): Promise<void> {
    doomed = true;
    killed = true;
    // A process that sleeps dies of SIGKILL, too.
    child.kill(signal);
    await closed;
  }

  return {
    get url() {
      return url;
    },
    journal,
    listening,
    isDoomed: () => doomed,
    isKilled: () => killed,
    async give(order) {
      child.send(order);
      await once(child, "message");
    },
    async die(order, patienceMs) {
      doomed = true;
      if (order !== undefined) {
        child.send(order, () => undefined);
        await Promise.race([closed, sleep(patienceMs)]);
      }
      await end("SIGKILL");
      return order !== undefined && isAsTold(order, readJournal(await readFile(journal, "utf8").catch(() => ""))) ? order.at : "random";
    },
    pause: () => void child.kill("SIGSTOP"),
    resume: () => void child.kill("SIGCONT"),
    stop: () => end("SIGTERM"),
    end: () => end("SIGKILL"),
  };
}

/** The answer may have come before its process died in flight. */
function isAsTold({ at }: Order, lines: readonly JournalLine[]): boolean {
  const last = lines.at(-1);
  const came = lines.some(
    (line) => line.what === "answered" && line.connection === last?.connection && line.generation === last.generation,
  );
  return last?.what === `die ${at}` && !(at === "in_flight" && came);
}
