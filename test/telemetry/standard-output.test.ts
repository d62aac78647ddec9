import { expect, it } from "vitest";
import { gatherLines } from "../../src/telemetry/standard-output.ts";

function start() {
  const written: string[] = [];
  const turns: (() => void)[] = [];
  const lines = gatherLines({ write: (text) => written.push(text) }, (work) => void turns.push(work));
  return {
    written,
    lines,
    turn() {
      for (const work of turns.splice(0)) work();
    },
  };
}

it("what is written within one turn leaves in one write, in its order", () => {
  const { written, lines, turn } = start();
  for (const line of ["a\n", "b\n", "é\n"]) lines.write(line);
  expect(written).toEqual([]);
  turn();
  lines.write("c\n");
  turn();
  turn();
  expect(written).toEqual(["a\nb\né\n", "c\n"]);
});

it("no write is larger than what a pipe takes at once, unless one line alone is", () => {
  const { written, lines, turn } = start();
  const line = `${"é".repeat(8_000)}\n`;
  for (let index = 0; index < 10; index += 1) lines.write(line);
  lines.write(`${"x".repeat(160_000)}\n`);
  lines.write(line);
  turn();
  expect(written.map((text) => text.split("\n").length - 1)).toEqual([4, 4, 2, 1, 1]);
  expect(written.join("").length).toBe(11 * line.length + 160_001);
});

it("what is left at the end of the process is written then", () => {
  const { written, lines, turn } = start();
  lines.write("last words\n");
  lines.flush();
  turn();
  expect(written).toEqual(["last words\n"]);
});
