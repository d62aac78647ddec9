// A process of its own that migrates the database in its argument and writes down what it did, as two replicas at start do.

import { openDatabase, type DatabaseLocation } from "../../src/store/open-database.ts";
import { migrate } from "../../src/store/migrate.ts";

const database = openDatabase(JSON.parse(process.argv[2] ?? "") as DatabaseLocation);
process.stdout.write(JSON.stringify(await migrate(database)));
await database.close();
