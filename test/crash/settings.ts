// How a run is told what to do, and tells how it goes.

import { randomInt } from "node:crypto";

export function setting(name: string, usual: number): number {
  const value = Number(process.env[name] ?? usual);
  if (!Number.isSafeInteger(value) || value <= 0) throw new Error(`${name} must be a whole number above 0`);
  return value;
}

export const seed = setting("CRASH_SEED", randomInt(1, 2 ** 31));

export function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
