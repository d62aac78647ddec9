import { once } from "node:events";
import { PassThrough, Writable } from "node:stream";
import { expect, it } from "vitest";
import { createOutputLines } from "../../src/workers/output-lines.ts";

/** A reader of standard output that takes a piece when the test lets it. */
function slowReader() {
  const taken: string[] = [];
  let next: (() => void) | undefined;
  const destination = new Writable({
    highWaterMark: 64,
    write(piece: Buffer, _encoding, done) {
      taken.push(piece.toString());
      next = done;
    },
  });
  return {
    destination,
    text: () => taken.join(""),
    /** False: there is nothing to take. */
    take() {
      const done = next;
      next = undefined;
      done?.();
      return done !== undefined;
    },
  };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

it("lines of two workers that arrive in pieces are never mixed, however long they are", async () => {
  const out = new PassThrough();
  let text = "";
  out.setEncoding("utf8").on("data", (piece: string) => (text += piece));
  const output = createOutputLines(out);
  const workers = [new PassThrough(), new PassThrough()];
  for (const worker of workers) output.follow(worker);
  const lines = workers.map((_, at) => Array.from({ length: 20 }, (_line, number) => `${String(at).repeat(10_000)} ${number}\n`));
  const bytes = lines.map((own) => Buffer.from(own.join("")));
  for (let from = 0; from < 200_100; from += 4_099) {
    for (const [at, worker] of workers.entries()) worker.write(bytes[at]?.subarray(from, from + 4_099));
    await turn();
  }
  for (const worker of workers) worker.end();
  await Promise.all(workers.map(async (worker) => worker.closed || (await once(worker, "close"))));
  await turn();
  const seen = text.split("\n").slice(0, -1);
  expect(seen.length).toBe(40);
  expect(seen.filter((line) => !/^(?:0+|1+) \d+$/.test(line))).toEqual([]);
});

it("a worker that ends in the middle of a line leaves no half of one for the next to stand behind", async () => {
  const out = new PassThrough();
  let text = "";
  out.setEncoding("utf8").on("data", (piece: string) => (text += piece));
  const output = createOutputLines(out);
  const worker = new PassThrough();
  output.follow(worker);
  worker.end('{"half":');
  await once(worker, "close");
  output.write('{"next":1}\n');
  await turn();
  expect(text).toBe('{"half":\n{"next":1}\n');
});

it("a slow reader holds the workers back instead of filling the supervisor's memory", async () => {
  const reader = slowReader();
  const output = createOutputLines(reader.destination);
  const worker = new PassThrough({ highWaterMark: 1_024 });
  output.follow(worker);
  let written = 0;
  while (worker.write(`${"x".repeat(99)}\n`) && written < 1_000) {
    written += 1;
    await turn();
  }
  expect(written).toBeLessThan(100);
  expect(worker.isPaused()).toBe(true);
  worker.end("last\n");
  do await turn();
  while (reader.take());
  expect(reader.text().endsWith("last\n")).toBe(true);
});

it("where nobody reads any more, workers are told so as the system would tell them", async () => {
  const destination = new Writable({ write: (_piece, _encoding, done) => done(Object.assign(new Error("gone"), { code: "EPIPE" })) });
  const output = createOutputLines(destination);
  const [before, after] = [new PassThrough(), new PassThrough()];
  output.follow(before);
  before.write("line\n");
  await once(before, "close");
  output.follow(after);
  expect([before.destroyed, after.destroyed]).toEqual([true, true]);
  output.write("one more\n");
});
