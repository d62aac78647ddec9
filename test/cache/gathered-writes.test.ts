import { once } from "node:events";
import { Writable } from "node:stream";
import { setImmediate as nextTurn } from "node:timers/promises";
import { expect, it } from "vitest";
import { gatherWrites } from "../../src/cache/gathered-writes.ts";

/** A socket that tells what would be handed to the system, piece by piece. */
function start() {
  const handed: string[][] = [];
  const socket = new Writable({
    write(chunk: Buffer | string, _encoding, done) {
      handed.push([String(chunk)]);
      done();
    },
    writev(chunks, done) {
      handed.push(chunks.map(({ chunk }) => String(chunk)));
      done();
    },
  });
  return { socket: gatherWrites(socket), handed };
}

it("commands of one turn leave in one piece and in their order, those of the next one in another", async () => {
  const { socket, handed } = start();
  for (const command of ["a", "b", "c"]) socket.write(command);
  expect(handed).toEqual([]);
  await nextTurn();
  socket.write("d");
  await nextTurn();
  expect(handed).toEqual([["a", "b", "c"], ["d"]]);
});

it("what was written before the end goes out before it", async () => {
  const { socket, handed } = start();
  socket.write("quit");
  socket.end();
  await once(socket, "finish");
  expect(handed).toEqual([["quit"]]);
});
