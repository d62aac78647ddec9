// How the demo prints: one numbered line per step with its outcome and its time, then facts in two columns. Plain text, within
// 100 columns, coloured on a terminal only. What is done in a step and what must come of it is in demo-steps.ts.

import type { WriteStream } from "node:tty";
import { styleText } from "node:util";

/** Without a name: a line of a command's own words. */
export type Facts = readonly (readonly [name: string, value: string])[];

export interface Report {
  /** Runs a step and prints it. `check` looks at what came and says what to show; what it throws fails the step. */
  step<T>(title: string, run: () => Promise<T>, check: (result: T) => Facts): Promise<T>;
  /** How many steps went as they should. */
  count(): number;
}

const titleWidth = 66;
const nameWidth = 16;
const valueWidth = 100 - 10 - nameWidth;

export function createReport(stream: WriteStream, now: () => number = () => performance.now()): Report {
  let done = 0;
  const print = (line: string) => stream.write(`${line}\n`);
  const headline = (outcome: "ok" | "FAILED", title: string, ms: number) => {
    const colour = outcome === "ok" ? "green" : "red";
    const number = String(done + 1).padStart(2);
    print(`${number}  ${styleText(colour, outcome.padEnd(8), { stream })}${title.padEnd(titleWidth)} ${ms.toFixed(1).padStart(8)} ms`);
  };
  const facts = (shown: Facts) => {
    for (const [name, value] of shown) {
      const label = name === "" ? "" : styleText("dim", name.padEnd(nameWidth), { stream });
      print(`          ${label}${fitted(value, name === "" ? valueWidth + nameWidth : valueWidth)}`);
    }
    print("");
  };
  return {
    count: () => done,
    async step(title, run, check) {
      const started = now();
      try {
        const result = await run();
        const ms = now() - started;
        const shown = check(result);
        headline("ok", title, ms);
        facts(shown);
        done += 1;
        return result;
      } catch (failure) {
        headline("FAILED", title, now() - started);
        facts([["because", failure instanceof Error ? failure.message : String(failure)]]);
        throw new StepFailed(title);
      }
    },
  };
}

/** A step went wrong and was printed. */
export class StepFailed extends Error {
  override readonly name = "StepFailed";
}

/** @throws Error saying `sentence`: the step that checks this has failed. */
export function expect(holds: boolean, sentence: string): void {
  if (!holds) throw new Error(sentence);
}

/** A token's ends: enough to tell two apart, too little to use one. */
export function short(token: string): string {
  expect(token !== "", "an empty token came");
  return `${token.slice(0, 14)}…${token.slice(-4)} (${token.length} characters)`;
}

function fitted(value: string, width: number): string {
  return value.length <= width ? value : `${value.slice(0, width - 1)}…`;
}
