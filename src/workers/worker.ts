// The program of one worker: the service as a single process runs it, told by the supervisor what signals tell that one. It is started
// by worker-process.ts and by nobody else.

import cluster from "node:cluster";
import { EventEmitter } from "node:events";
import { writeSync } from "node:fs";
import { runProcess } from "../main.ts";
import { type Service, startService } from "../service.ts";
import { processesMayShare } from "../sharing.ts";
import { expositionType, mergeExpositions } from "./expositions.ts";
import { createHandBack } from "./hand-back.ts";
import { readToWorker, type ToSupervisor } from "./messages.ts";
import { createScrape } from "./scrape.ts";

const standardError = 2;
/** Milliseconds that callers who keep a connection have for one more call on it, whose answer says that it was the last. */
const leaveMs = 3_000;
const [file = "", numberWord, workersWord, role] = process.argv.slice(2);
const number = Number(numberWord);
const workers = Number(workersWord);
const supervisor = process.ppid;

/** Resolves when it is on its way. */
const tell = (message: ToSupervisor) =>
  new Promise<void>((resolve) => {
    if (process.send === undefined || !process.connected) resolve();
    else process.send(message, undefined, undefined, () => resolve());
  });

const orders = new EventEmitter();
const handBack = createHandBack();
const scrape = createScrape({ ask: () => void tell({ kind: "scrape" }), merge: mergeExpositions, number });
let ownNumbers: (() => Promise<{ readonly text: string }>) | undefined;
let service: Service | undefined;
let isStopping = false;

/** By the supervisor, or by a signal to this process alone. Who wants it to end at once asks the supervisor, or kills it. */
function stop(): void {
  if (isStopping) return;
  isStopping = true;
  orders.emit("SIGTERM");
}

/** No connection is closed under a call that is on its way: callers are told first, and new ones go to other workers. */
function leave(): void {
  handBack();
  service?.leave();
  setTimeout(stop, leaveMs).unref();
}

async function tellNumbers(round: number): Promise<void> {
  const own = await ownNumbers?.();
  if (own !== undefined) await tell({ kind: "exposition", scrape: round, text: own.text });
}

process.on("message", (value) => {
  const message = readToWorker(value);
  if (message?.kind === "stop") stop();
  else if (message?.kind === "leave") leave();
  else if (message?.kind === "reload") orders.emit("SIGHUP");
  else if (message?.kind === "expose") void tellNumbers(message.scrape);
  else if (message?.kind === "expositions") scrape.answer(message.all);
});
// A terminal's Ctrl-C, and some supervisors, signal all processes of a group: the supervisor's word counts, and each hears it once.
process.on("SIGTERM", stop);
process.on("SIGINT", stop);
process.on("SIGHUP", () => undefined);
process.on("SIGUSR2", () => undefined);

// Where the supervisor is gone, Node ends this process as soon as the channel between them breaks: nobody gives it work any more, and
// whoever comes next finds its places free.
if (cluster.worker === undefined || !Number.isSafeInteger(number) || !Number.isSafeInteger(workers)) {
  writeSync(standardError, "this is a part of cambio serve --workers, and no program of its own\n");
  process.exitCode = 2;
} else {
  const { worker } = cluster;
  const said: Promise<void>[] = [];
  process.exitCode = await runProcess(file, {
    fields: { worker: number },
    process: {
      on: (event, listener) => (isOrder(event) ? orders : process).on(event, listener),
      off: (event, listener) => (isOrder(event) ? orders : process).off(event, listener),
      exit: (code) => process.exit(code),
    },
    async start(configuration) {
      processesMayShare(configuration, workers);
      service = await startService(configuration, {
        worker: {
          number,
          lockHolder: supervisor,
          isFirst: role === "first",
          exposeAll: (own) => {
            ownNumbers = own;
            return async () => ({ contentType: expositionType, text: await scrape.ask() });
          },
        },
      });
      await tell({ kind: "ready", logLevel: configuration.log.level });
      return service;
    },
    writeError(text) {
      // A start that failed is told once for all workers, by the supervisor.
      if (service !== undefined || text.startsWith("{")) writeSync(standardError, text);
      else said.push(tell({ kind: "failed", text }));
    },
  });
  await Promise.all(said);
  // From now on the supervisor gives no connection to this process; what it had given before was taken or handed back.
  worker.disconnect();
}

function isOrder(event: string): boolean {
  return event.startsWith("SIG");
}
