// A supervisor that prints whatever is said on the channel between it and its worker, both ways, one message per line. The first line
// of the worker's output that has an address is printed as well. It ends with the worker, which SIGTERM stops.

import cluster from "node:cluster";
import { PassThrough } from "node:stream";
import { createOutputLines } from "../../src/workers/output-lines.ts";
import type { Exposition } from "../../src/workers/messages.ts";
import { launchWorker } from "../../src/workers/worker-process.ts";

const out = new PassThrough();
out.setEncoding("utf8").on("data", (text: string) => {
  const url = /"url":"([^"]+)"/.exec(text)?.[1];
  if (url !== undefined) process.stdout.write(`${JSON.stringify({ url })}\n`);
});

const note = (by: string, message: unknown) => void process.stdout.write(`${JSON.stringify({ by, message })}\n`);
cluster.on("message", (_worker, message) => note("worker", message));

const worker = launchWorker(
  { file: process.argv[2] ?? "", number: 1, workers: 2, isFirst: true },
  {
    output: createOutputLines(out),
    onMessage(from, message) {
      const all: readonly Exposition[] = message.kind === "exposition" ? [{ worker: 1, text: message.text }] : [];
      const answer = message.kind === "scrape" ? ({ kind: "expose", scrape: 1 } as const) : ({ kind: "expositions", all } as const);
      note("supervisor", answer);
      from.send(answer);
    },
  },
);
await worker.ready;
process.once("SIGHUP", () => worker.send({ kind: "reload" }));
process.once("SIGTERM", () => worker.send({ kind: "stop" }));
await worker.ended;
