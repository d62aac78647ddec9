#!/usr/bin/env node
// The `cambio` command's first step: is this Node able to run the rest? It is plain JavaScript and loads everything else after
// that, because an older Node would stop at the first TypeScript file with an error that says nothing.

const oldestNode = 24;

if (Number.parseInt(process.versions.node, 10) < oldestNode) {
  process.stderr.write(`cambio needs Node ${oldestNode} or newer; this is Node ${process.versions.node}.\n`);
  process.exitCode = 1;
} else {
  const { setUpEngine } = await import("../engine.ts");
  setUpEngine();
  const { runCommand } = await import("./run-command.ts");
  // Whoever reads the output may stop early, as `head` does. The service's own output is the service's matter.
  if (process.argv[2] !== "serve") process.stdout.on("error", (error) => process.exit(error.code === "EPIPE" ? 0 : 1));
  process.exitCode = await runCommand(process.argv.slice(2), {
    out: (text) => process.stdout.write(text),
    error: (text) => process.stderr.write(text),
  });
}
