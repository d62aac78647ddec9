// `make test-vectors DIR=…`: says where this service disagrees with published test vectors, and why. It fails where a disagreement
// has no rule of ours to explain it, and where nothing was run.

import { runFolder } from "./run-folder.ts";

const [folder] = process.argv.slice(2);
if (folder === undefined || folder === "") {
  process.stderr.write("Which vectors? make test-vectors DIR=folder\n");
  process.exitCode = 1;
} else {
  const { lines, passed } = await runFolder(folder);
  process.stdout.write(`${lines.join("\n")}\n`);
  process.exitCode = passed ? 0 : 1;
}
