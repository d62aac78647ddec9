// What several processes of one service must have in common, and which configurations leave it to one process: the same for replicas
// on many machines and for workers on one.

import type { Configuration } from "./config/schema.ts";

type Kept = Pick<Configuration, "database" | "redis" | "sealing">;

/** Why a configuration serves one process only. */
export type OnlyOne = "no database and no Redis" | "a database file" | "no sealing keys";

/** None: any number of processes may serve it. */
export function whyOnlyOne({ database, redis, sealing }: Kept): readonly OnlyOne[] {
  const nothingShared: readonly OnlyOne[] = database === undefined && redis === undefined ? ["no database and no Redis"] : [];
  const file: readonly OnlyOne[] = database?.location.kind === "sqlite" ? ["a database file"] : [];
  const keys: readonly OnlyOne[] = sealing === undefined ? ["no sealing keys"] : [];
  return [...nothingShared, ...file, ...keys];
}

/** Its message is for operators. */
export class SharingStartError extends Error {
  override readonly name = "SharingStartError";
}

const remedies: Readonly<Record<OnlyOne, string>> = {
  "no database and no Redis":
    "used codes, revocations and limits would be each process's own. Give database.url (or DATABASE_URL), or redis (or REDIS_URL)",
  "a database file": "database.file is a SQLite file, which belongs to one process. Use PostgreSQL: database.url (or DATABASE_URL)",
  "no sealing keys": "each process would seal under keys of its own. Give sealing.keys",
};

/** @throws SharingStartError */
export function processesMayShare(configuration: Kept, workers: number): void {
  const [why] = whyOnlyOne(configuration);
  if (why !== undefined)
    throw new SharingStartError(`--workers asks for ${workers} processes, and ${remedies[why]}; or leave out --workers.`);
}
