// Two workers that take one connection each, under a supervisor to which a number of connections is opened. It prints how many of them
// were closed from the other side, and ends when that is as many as are too many.

import cluster from "node:cluster";
import { connect, createServer } from "node:net";
import { createHandBack } from "../../src/workers/hand-back.ts";

const workers = 2;
const opened = 6;

if (cluster.isPrimary) {
  cluster.schedulingPolicy = cluster.SCHED_RR;
  const ports: number[] = [];
  let closed = 0;
  const onClose = () => {
    closed += 1;
    if (closed < opened - workers) return;
    // Workers end with the channel to this process.
    process.stdout.write(`closed ${closed}\n`, () => process.exit(0));
  };
  cluster.on("listening", (_worker, { port }) => {
    ports.push(port);
    if (ports.length < workers) return;
    for (let number = 1; number <= opened; number += 1)
      connect(port, "127.0.0.1")
        .on("close", onClose)
        .on("error", () => undefined);
  });
  for (let number = 1; number <= workers; number += 1) cluster.fork();
} else {
  createHandBack();
  const server = createServer();
  server.maxConnections = 1;
  server.listen(0, "127.0.0.1");
}
