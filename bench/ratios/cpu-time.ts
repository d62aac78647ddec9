// CPU time of another process, all its threads together, as Linux tells it.

import { readFileSync } from "node:fs";

/** USER_HZ, which is 100 on every platform that Node runs on. */
const ticksPerSecond = 100;

/** Microseconds; NaN where the system does not tell. */
export function cpuMicrosOf(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The program's name stands in parentheses, and may hold anything. utime and stime are fields 14 and 15 (proc_pid_stat(5)).
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return ((Number(fields[11]) + Number(fields[12])) * 1_000_000) / ticksPerSecond;
  } catch {
    return Number.NaN;
  }
}
