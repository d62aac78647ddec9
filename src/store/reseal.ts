// Seals every sealed column anew under the first key, while replicas serve. Handles at clients are marked under the key of their
// time: they need that key until they are refreshed. What another process wrote meanwhile is never overwritten, and what no key
// opens is counted and left as it is.

import { sql } from "kysely";
import type { MasterKey } from "../sealing/master-keys.ts";
import { createSealer, type Sealer } from "../sealing/sealer.ts";
import type { Database } from "./database.ts";
import { associatedData, type SealedColumn, sealedColumns } from "./sealed-columns.ts";

/** Rows read at a time. */
const batchRows = 200;
/** For a row that is written by others at the same moment. A row changes some times an hour. */
const maxAttempts = 5;

type Fate = "resealed" | "already" | "unreadable" | "changing" | "gone";

export interface ResealCount {
  readonly table: string;
  readonly column: string;
  readonly resealed: number;
  /** Under the first key before. */
  readonly already: number;
  /** No key opens them in their place: a key is missing, or they were tampered with. */
  readonly unreadable: number;
  /** Written by others at each attempt. */
  readonly changing: number;
}

/**
 * @param keys all of them, the one to seal with first. Every replica must seal with it by now, or writes under the old one go on
 * @throws DatabaseFailure: what was done stays done, and running it again goes on from there
 */
export async function reseal(database: Database, keys: readonly MasterKey[]): Promise<readonly ResealCount[]> {
  const counts: ResealCount[] = [];
  for (const sealed of Object.values(sealedColumns)) counts.push(await resealColumn(database, keys, sealed));
  return counts;
}

async function resealColumn(database: Database, keys: readonly MasterKey[], sealed: SealedColumn): Promise<ResealCount> {
  const sealers = { first: createSealer(keys.slice(0, 1), sealed.purpose), any: createSealer(keys, sealed.purpose) };
  const column = createColumn(database, sealed);
  const fates: Record<Fate, number> = { resealed: 0, already: 0, unreadable: 0, changing: 0, gone: 0 };
  let rows = await column.after(undefined);
  while (rows.length > 0) {
    for (const row of rows) fates[await resealRow(column, sealers, row)] += 1;
    rows = await column.after(rows.at(-1)?.key);
  }
  const { resealed, already, unreadable, changing } = fates;
  return { table: sealed.table, column: sealed.column, resealed, already, unreadable, changing };
}

async function resealRow(column: Column, sealers: { readonly first: Sealer; readonly any: Sealer }, found: Row): Promise<Fate> {
  let row: Row | undefined = found;
  for (let attempt = 0; attempt < maxAttempts; attempt += 1) {
    if (row === undefined) return "gone";
    if (sealers.first.open(row.bytes, row.associated) !== undefined) return "already";
    const opened = sealers.any.open(row.bytes, row.associated);
    if (opened === undefined) return "unreadable";
    if (await column.replace(row, sealers.first.seal(opened, row.associated))) return "resealed";
    row = await column.at(row.key);
  }
  return "changing";
}

interface Row {
  readonly key: string;
  readonly bytes: Uint8Array;
  readonly associated: readonly string[];
}

interface Column {
  /** The next rows in the order of the key. */
  after(key: string | undefined): Promise<readonly Row[]>;
  at(key: string): Promise<Row | undefined>;
  /** False: other bytes stand there by now. */
  replace(row: Row, bytes: Uint8Array): Promise<boolean>;
}

function createColumn(database: Database, sealed: SealedColumn): Column {
  const [table, key, column] = [sql.table(sealed.table), sql.ref(sealed.key), sql.ref(sealed.column)];
  const columns = sql.join([...new Set([sealed.key, sealed.column, ...sealed.bound])].map((name) => sql.ref(name)));

  async function select(condition: ReturnType<typeof sql>): Promise<readonly Row[]> {
    const query = sql<Record<string, unknown>>`select ${columns} from ${table}
      where ${column} is not null and ${condition} order by ${key} limit ${batchRows}`;
    const { rows } = await database.run((db) => query.execute(db));
    return rows.map(rowOf);
  }

  function rowOf(row: Record<string, unknown>): Row {
    const bytes = row[sealed.column];
    return {
      key: String(row[sealed.key]),
      // Whoever writes to the file may put a text there: it opens as little as any other foreign bytes.
      bytes: bytes instanceof Uint8Array ? bytes : new Uint8Array(),
      associated: associatedData(sealed, Object.fromEntries(sealed.bound.map((name) => [name, String(row[name])]))),
    };
  }

  return {
    after: (last) => select(last === undefined ? sql`1 = 1` : sql`${key} > ${last}`),
    at: async (at) => (await select(sql`${key} = ${at}`))[0],
    async replace(row, bytes) {
      const update = sql`update ${table} set ${column} = ${bytes} where ${key} = ${row.key} and ${column} = ${row.bytes}`;
      const { numAffectedRows = 0n } = await database.run((db) => update.execute(db));
      return numAffectedRows > 0n;
    },
  };
}
