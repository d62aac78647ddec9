// Which start of the operating system this is: what a process wrote down is there after its own death, but after that of the system only
// what was made durable. Who knows that the system is still the same one knows which of the two it was.

import { readFileSync } from "node:fs";

/** Undefined: this system does not say. A container has that of its host. */
export function bootId(): string | undefined {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();
  } catch {
    return undefined;
  }
}
