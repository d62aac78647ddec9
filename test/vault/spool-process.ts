// A process of its own that takes what it finds of the spool in its argument, writes down which folders those are, and lives until it is
// killed, as a replica does.

import { randomBytes } from "node:crypto";
import { takeSpoolFolders } from "../../src/vault/spool-folders.ts";

const folders = takeSpoolFolders(process.argv[2] ?? "", () => randomBytes(16).toString("hex"));
process.stdout.write(`took ${folders.map(({ name }) => name).join(" ")}\n`);
setInterval(() => folders.length, 1_000_000);
