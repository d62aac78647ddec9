// Whoever asks replicas that die: again elsewhere, until somebody decides.

import { setTimeout as sleep } from "node:timers/promises";
import { basic } from "../../examples/clients.ts";
import type { Random } from "../../bench/random.ts";
import { type Answer, reasonOf } from "../support/fake-stack.ts";
import { count } from "./tally.ts";
import { services } from "./vault-configuration.ts";
import { placeCount, type VaultPlaces } from "./vault-places.ts";

export type Caller = keyof typeof services | "app";
export type Method = "CreateAuthorizationUrl" | "Exchange" | "Refresh";

export interface Question {
  readonly method: Method;
  readonly by: Caller;
  readonly message: object;
}

/** Undecided: nothing was done, or nobody knows it. */
export type Asked =
  | { readonly kind: "answer"; readonly body: Answer["body"] }
  | { readonly kind: "refusal"; readonly reason: string }
  | { readonly kind: "undecided"; readonly reason: string };

export interface AskingCounts {
  calls: number;
  /** By reason; `no answer` where the replica died. */
  readonly undecided: Map<string, number>;
}

/** A database that is started again takes a second, and whoever is refreshing has five. */
const callLimitMs = 10_000;
/** A refresh that a process left without an outcome is decided after some two minutes at most: whoever gets here hangs. */
export const hangMs = 240_000;
const pauseMs = 100;

const undecided: ReadonlySet<string> = new Set([
  "STORE_UNAVAILABLE",
  "UPSTREAM_UNAVAILABLE",
  "UPSTREAM_TIMEOUT",
  "DEADLINE_EXCEEDED",
  "OVERLOADED",
  "AUDIT_UNAVAILABLE",
]);

/** One call to one replica. */
export interface Target {
  readonly url: string;
  isDoomed(): boolean;
}

export async function askOnce(target: Target, question: Question, limitMs = callLimitMs): Promise<Asked> {
  const answer = await call(target.url, question, limitMs).catch(() => undefined);
  if (answer === undefined) return { kind: "undecided", reason: target.isDoomed() ? "killed" : "no answer" };
  if (answer.status === 200) return { kind: "answer", body: answer.body };
  const reason = reasonOf(answer) ?? String(answer.status);
  return { kind: undecided.has(reason) ? "undecided" : "refusal", reason };
}

export type Decided = Exclude<Asked, { kind: "undecided" }>;

/** Asks one after the other. Where nobody decides for so long, that is told as a refusal. */
export async function askUntilDecided(next: () => Target, question: Question, counts: AskingCounts): Promise<Decided> {
  const until = performance.now() + hangMs;
  while (performance.now() < until) {
    counts.calls += 1;
    const asked = await askOnce(next(), question);
    if (asked.kind !== "undecided") return asked;
    count(counts.undecided, asked.reason);
    await sleep(pauseMs);
  }
  return { kind: "refusal", reason: `nothing within ${hangMs} ms` };
}

export function createAsking(places: VaultPlaces, counts: AskingCounts) {
  return function ask(question: Question, first: number): Promise<Decided> {
    let place = first;
    return askUntilDecided(() => places.at(place++ % placeCount), question, counts);
  };
}

export type Ask = ReturnType<typeof createAsking>;

export function anyPlace(random: Random): number {
  return Math.floor(random() * placeCount);
}

async function call(url: string, { method, by, message }: Question, limitMs: number): Promise<Answer> {
  const proof = by === "app" ? {} : { authorization: basic(by, services[by]) };
  const response = await fetch(`${url}/cambio.v1.TokenExchangeService/${method}`, {
    method: "POST",
    headers: { "content-type": "application/json", ...proof },
    body: JSON.stringify(by === "app" ? { clientId: "app", ...message } : message),
    signal: AbortSignal.timeout(limitMs),
  });
  return { status: response.status, headers: response.headers, body: (await response.json()) as Answer["body"] };
}
