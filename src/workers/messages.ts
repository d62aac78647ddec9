// What supervisor and workers say to each other over the channel between them, and nothing else: whatever has another shape is no
// message. None of them is about a call, so none can hold a token; texts are those that standard error and /metrics would get.

import type { LogLevel } from "../telemetry/log.ts";

export type ToSupervisor =
  /** It takes connections from now on. */
  | { readonly kind: "ready"; readonly logLevel: LogLevel }
  /** It did not start: the paragraph that a single process would print. */
  | { readonly kind: "failed"; readonly text: string }
  /** Somebody asks it for /metrics. */
  | { readonly kind: "scrape" }
  /** Its own numbers. */
  | { readonly kind: "exposition"; readonly scrape: number; readonly text: string };

export type ToWorker =
  | { readonly kind: "stop" }
  /** Another took its place: it gives up its connections, and stops. */
  | { readonly kind: "leave" }
  | { readonly kind: "reload" }
  | { readonly kind: "expose"; readonly scrape: number }
  /** What it asked for. */
  | { readonly kind: "expositions"; readonly all: readonly Exposition[] };

/** One worker's numbers, as Prometheus' text. Undefined: it did not say in time. */
export interface Exposition {
  readonly worker: number;
  readonly text: string | undefined;
}

/** Far above what the closed sets of labels come to. */
const maxTextLength = 4_194_304;
const logLevels: ReadonlySet<unknown> = new Set(["info", "warn", "error"] satisfies LogLevel[]);

/** Undefined: it is none. What it has beside its own members is left behind. */
export function readToSupervisor(message: unknown): ToSupervisor | undefined {
  if (!isObject(message)) return undefined;
  const { kind, logLevel, text, scrape } = message;
  if (kind === "ready" && isLogLevel(logLevel)) return { kind, logLevel };
  if (kind === "failed" && isText(text)) return { kind, text };
  if (kind === "scrape") return { kind };
  if (kind === "exposition" && isCount(scrape) && isText(text)) return { kind, scrape, text };
  return undefined;
}

/** Undefined: it is none. */
export function readToWorker(message: unknown): ToWorker | undefined {
  if (!isObject(message)) return undefined;
  const { kind, scrape, all } = message;
  if (kind === "stop" || kind === "leave" || kind === "reload") return { kind };
  if (kind === "expose" && isCount(scrape)) return { kind, scrape };
  if (kind !== "expositions" || !Array.isArray(all)) return undefined;
  const read = all.map(readExposition);
  return read.includes(undefined) ? undefined : { kind, all: read.filter((one) => one !== undefined) };
}

function readExposition(value: unknown): Exposition | undefined {
  if (!isObject(value)) return undefined;
  const { worker, text } = value;
  return isCount(worker) && (text === undefined || isText(text)) ? { worker, text } : undefined;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

function isLogLevel(value: unknown): value is LogLevel {
  return logLevels.has(value);
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value.length <= maxTextLength;
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value > 0;
}
