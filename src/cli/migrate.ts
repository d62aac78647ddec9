// `cambio migrate`: brings the configured database's tables up to date and says which steps were taken.

import type { Configuration } from "../config/schema.ts";
import { migrate } from "../store/migrate.ts";
import type { Output } from "./output.ts";
import { withDatabase } from "./with-database.ts";

/** @returns the exit status */
export function migrateCommand(configuration: Configuration, output: Output): Promise<number> {
  return withDatabase(configuration, output, async (database) => {
    const steps = await migrate(database);
    for (const step of steps) output.out(`applied ${step}\n`);
    if (steps.length === 0) output.out("the database is up to date\n");
    return 0;
  });
}
