// Records that wait to be written, in their order, within bounds. What does not fit is counted, at its place. It knows nothing of
// files and of time; when a batch is written is audit.ts.

import { gapBody } from "./record.ts";

/** What waits, of intents and of other records each: ten seconds of a busy service whose disk is away. */
export const maxWaitingRecords = 10_000;
export const maxWaitingBytes = 16_777_216;
/** Of one write: no signature vouches for more records, no disk is kept busy for longer than necessary. */
const maxBatchRecords = 1_000;
const maxBatchBytes = 1_048_576;

interface Kept {
  readonly body: string;
  /** Undefined: nobody waits for it. */
  readonly waiter: PromiseWithResolvers<void> | undefined;
}

/** Records that were not kept. */
interface Gap {
  count: number;
}

type Waiting = Kept | Gap;

export interface Batch {
  readonly items: readonly Waiting[];
  readonly bodies: readonly string[];
}

export interface Backlog {
  /** False: there is no room; it is counted if nobody waits for it. */
  add(body: string, waiter?: PromiseWithResolvers<void>): boolean;
  /** The oldest of what waits; it keeps its room until `settle`. */
  take(atMs: number): Batch;
  /** Undefined: it is written. Else who waits for it is told, and what nobody waits for goes back to its place if `again`. */
  settle(batch: Batch, failed?: { readonly failure: Error; readonly again: boolean }): void;
  /** Tells all who wait, in the batch and behind it. Their records are not written, except for those of the batch. */
  refuse(failure: Error, batch?: Batch): void;
  /** Somebody waits for a record, or there are enough for a batch. */
  readonly isUrgent: boolean;
  /** Number of records, also those that are only counted. */
  readonly waiting: number;
}

export function createBacklog(): Backlog {
  let queue: Waiting[] = [];
  const rooms = { intents: { records: 0, bytes: 0 }, others: { records: 0, bytes: 0 } };
  const roomOf = ({ waiter }: Pick<Kept, "waiter">) => (waiter === undefined ? rooms.others : rooms.intents);

  function count(): void {
    const last = queue.at(-1);
    if (last !== undefined && "count" in last) last.count += 1;
    else queue.push({ count: 1 });
  }
  function leave(items: readonly Waiting[]): void {
    for (const item of items) {
      if ("count" in item) continue;
      const room = roomOf(item);
      room.records -= 1;
      room.bytes -= item.body.length;
    }
  }
  const isIntent = (item: Waiting): item is Kept & { waiter: PromiseWithResolvers<void> } => "body" in item && item.waiter !== undefined;

  return {
    add(body, waiter) {
      const item = { body, waiter };
      const room = roomOf(item);
      if (room.records >= maxWaitingRecords || room.bytes + body.length > maxWaitingBytes) {
        if (waiter === undefined) count();
        return false;
      }
      room.records += 1;
      room.bytes += body.length;
      queue.push(item);
      return true;
    },
    take(atMs) {
      const bodies: string[] = [];
      let bytes = 0;
      for (const item of queue) {
        const body = "count" in item ? gapBody(item.count, atMs) : item.body;
        if (bodies.length >= maxBatchRecords || (bodies.length > 0 && bytes + body.length > maxBatchBytes)) break;
        bodies.push(body);
        bytes += body.length;
      }
      return { bodies, items: queue.splice(0, bodies.length) };
    },
    settle({ items }, failed) {
      const stays = (item: Waiting) => failed?.again === true && !isIntent(item);
      for (const { waiter } of items.filter(isIntent)) {
        if (failed === undefined) waiter.resolve();
        else waiter.reject(failed.failure);
      }
      leave(items.filter((item) => !stays(item)));
      queue = [...items.filter(stays), ...queue];
    },
    refuse(failure, batch) {
      for (const { waiter } of [...(batch?.items ?? []), ...queue].filter(isIntent)) waiter.reject(failure);
      leave(queue.filter(isIntent));
      queue = queue.filter((item) => !isIntent(item));
    },
    get isUrgent() {
      return rooms.intents.records > 0 || queue.length >= maxBatchRecords;
    },
    get waiting() {
      return queue.reduce((sum, item) => sum + ("count" in item ? item.count : 1), 0);
    },
  };
}
