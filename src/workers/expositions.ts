// Several workers' numbers → one text in Prometheus' form, each series with the number of its worker. They are not added up: when a
// worker ends, a sum falls, which Prometheus takes for a counter that began anew and counts everything else twice.

import type { Exposition } from "./messages.ts";

interface Family {
  /** HELP and TYPE. */
  readonly head: readonly string[];
  readonly samples: string[];
}

/** The form that it reads and writes. */
export const expositionType = "text/plain; version=0.0.4; charset=utf-8";

export function mergeExpositions(all: readonly Exposition[]): string {
  const families = new Map<string, Family>();
  for (const { worker, text } of all) {
    let family: Family | undefined;
    let head: string[] = [];
    for (const line of (text ?? "").split("\n")) {
      const name = /^# (?:HELP|TYPE) (\S+)/.exec(line)?.[1];
      if (name !== undefined) {
        if (line.startsWith("# HELP")) head = [];
        head.push(line);
        family = families.get(name) ?? { head, samples: [] };
        families.set(name, family);
      } else if (line !== "") family?.samples.push(labelled(line, worker));
    }
  }
  const up = all.map(({ worker, text }) => `cambio_worker_up{worker="${worker}"} ${text === undefined ? 0 : 1}`);
  families.set("cambio_worker_up", {
    head: [
      "# HELP cambio_worker_up 1 where the worker's numbers are here, 0 where it did not say them in time.",
      "# TYPE cambio_worker_up gauge",
    ],
    samples: up,
  });
  return [...families.values()].map(({ head, samples }) => `${[...head, ...samples].join("\n")}\n`).join("\n");
}

/** A name has no brace and no space in it, so the first of either is where it ends. */
function labelled(sample: string, worker: number): string {
  const label = `worker="${worker}"`;
  const end = /[{ ]/.exec(sample)?.index ?? sample.length;
  return sample[end] === "{"
    ? `${sample.slice(0, end)}{${label},${sample.slice(end + 1)}`
    : `${sample.slice(0, end)}{${label}}${sample.slice(end)}`;
}
