// `cambio reseal`: seals every sealed column of the configured database anew under the first sealing key, while replicas serve.

import type { Configuration } from "../config/schema.ts";
import { reseal, type ResealCount } from "../store/reseal.ts";
import type { Output } from "./output.ts";
import { withCurrentDatabase } from "./with-database.ts";

/** @returns the exit status: 0 where every sealed column is under the first key now */
export async function resealCommand(configuration: Configuration, output: Output): Promise<number> {
  const keys = configuration.sealing?.keys ?? [];
  const [first] = keys;
  if (first === undefined) {
    output.error("there is no key to seal with: give one under sealing.keys\n");
    return 1;
  }
  return withCurrentDatabase(configuration, output, async (database) => {
    const counts = await reseal(database, keys);
    for (const count of counts) output.out(`${line(count, first.id)}\n`);
    return verdict(counts, output);
  });
}

function line({ table, column, resealed, already, unreadable, changing }: ResealCount, firstId: string): string {
  const parts = [`${resealed} resealed under ${firstId}`, `${already} already`, `${unreadable} unreadable`];
  return `${table}.${column}: ${[...parts, ...(changing === 0 ? [] : [`${changing} in use`])].join(", ")}`;
}

function verdict(counts: readonly ResealCount[], { out, error }: Output): number {
  const unreadable = counts.some((count) => count.unreadable > 0);
  const changing = counts.some((count) => count.changing > 0);
  if (unreadable) error("what is unreadable was left as it is: a key is missing from sealing.keys, or the values were tampered with\n");
  if (changing) error("what is in use was left as it is: run cambio reseal again\n");
  if (unreadable || changing) return 1;
  out("every sealed column is under the first key\n");
  return 0;
}
