// Three places for replicas, each with a spool of its own: whoever is started in a place takes up what those who died there have left.
// One stands by in each place, so that another answers at once where one dies.

import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually } from "../support/eventually.ts";
import { type JournalLine, type Order, readJournal } from "./deaths.ts";
import type { VaultConfigurations } from "./vault-configuration.ts";
import { type ReplicaProcess, startReplicaProcess } from "./replica-process.ts";

export const placeCount = 3;
/** Where no refresh comes to that step for so long, the replica is killed as it is. */
const patienceMs = 15_000;
const startLimitMs = 60_000;
/** In a row. */
const maxStarts = 20;

export interface VaultPlaces {
  at(place: number): ReplicaProcess;
  /** A place in which somebody stands by: a death in another would leave it empty. */
  untilStandby(wanted: number): Promise<number>;
  /** Undefined: at once, whatever it does. @returns where it died; `random` where nobody told it */
  death(place: number, order: Order | undefined): Promise<Order["at"] | "random">;
  /** Whoever is being started in a place dies of it. */
  deathAtStart(place: number): Promise<boolean>;
  /** One more that nobody asks by chance; its callers wait as long as any may. @param aheadMs of its clock */
  another(place: number, aheadMs?: number): Promise<ReplicaProcess>;
  /** What all of them noted, in the order of their starts. */
  journals(): Promise<readonly (readonly JournalLine[])[]>;
  close(): Promise<void>;
}

/** What is not as usual about one that is started. */
interface Other {
  readonly configurations?: readonly string[];
  readonly aheadMs?: number;
  readonly onBegin?: (replica: ReplicaProcess) => void;
}

interface Place {
  current: ReplicaProcess;
  /** Undefined: one is being started. */
  standby: ReplicaProcess | undefined;
  starting: ReplicaProcess | undefined;
}

export async function startPlaces({ paths, patient }: Pick<VaultConfigurations, "paths" | "patient">): Promise<VaultPlaces> {
  const folder = await mkdtemp(join(tmpdir(), "cambio-journals-"));
  const all: ReplicaProcess[] = [];
  const places: Place[] = [];
  let failure: unknown;

  function begin(place: number, { configurations = paths, aheadMs = 0 }: Other): ReplicaProcess {
    const process = startReplicaProcess({
      configuration: configurations[place] ?? "",
      journal: join(folder, String(all.length)),
      compiled: join(folder, "compiled"),
      aheadMs,
    });
    all.push(process);
    return process;
  }

  /** Whoever is killed while it starts, or finds no database, is followed by another, as wherever services are run. */
  async function started(place: number, other: Other = {}, tries = 1): Promise<ReplicaProcess> {
    const replica = begin(place, other);
    other.onBegin?.(replica);
    const problem: unknown = await replica.listening.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    if (problem === undefined && !replica.isKilled()) return replica;
    if (tries === maxStarts) throw problem;
    return started(place, other, tries + 1);
  }

  function startStandby(number: number): void {
    const place = placeAt(number);
    void started(number, { onBegin: (replica) => (place.starting = replica) }).then(
      (replica) => {
        place.starting = undefined;
        return (place.standby = replica);
      },
      (reason: unknown) => (failure ??= reason),
    );
  }

  function placeAt(number: number): Place {
    const place = places[number];
    if (place === undefined) throw new Error(`there is no place ${number}`);
    return place;
  }

  async function close(): Promise<void> {
    await Promise.allSettled(all.map((replica) => replica.end()));
  }

  try {
    // The first makes the tables; it ends in order, and so leaves its modules compiled.
    const first = await started(0);
    await first.stop();
    while (places.length < paths.length) places.push({ current: await started(places.length), standby: undefined, starting: undefined });
  } catch (reason) {
    await close();
    throw reason;
  }
  for (const number of places.keys()) startStandby(number);

  return {
    at: (place) => placeAt(place).current,
    async untilStandby(wanted) {
      const nearest = () => [0, 1, 2].map((step) => (wanted + step) % placeCount).find((number) => placeAt(number).standby !== undefined);
      const stands = () => {
        if (failure !== undefined) throw failure;
        return nearest() !== undefined;
      };
      await eventually("a start", stands, startLimitMs);
      return nearest() ?? wanted;
    },
    async death(number, order) {
      const place = placeAt(number);
      const { current: victim, standby } = place;
      if (standby === undefined) throw new Error("nobody stands by");
      const at = await victim.die(order, patienceMs);
      place.current = standby;
      place.standby = undefined;
      startStandby(number);
      return at;
    },
    async deathAtStart(number) {
      const { starting } = placeAt(number);
      if (starting === undefined) return false;
      await starting.die(undefined, 0);
      return true;
    },
    another: (place, aheadMs = 0) => started(place, { configurations: patient, aheadMs }),
    journals: async () => Promise.all(all.map(async ({ journal }) => readJournal(await readFile(journal, "utf8").catch(() => "")))),
    async close() {
      await close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
