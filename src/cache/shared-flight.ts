// Single flight across replicas: of those with the same question one holds a lease in Redis and asks, the others wait for the answer
// in the shared cache. A lease saves calls and authorises nothing: where Redis cannot tell, where its holder dies or never was, or
// the wait gets long, each asks for itself.

import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { SharedFlight, SharedQuestion } from "../exchange/token-exchange-ports.ts";
import { waitFor } from "../exchange/waiting.ts";
import { releaseScript } from "./one-time-scripts.ts";
import type { RedisConnection } from "./redis-connection.ts";

const prefix = "cambio:v1:lease:";
const nonceBytes = 16;
/** A holder that died is waited for no longer than this; one that lives renews in time. */
const leaseMs = 2_000;
const renewEveryMs = 600;
/** Redis' word for a key that stays. */
const noExpiry = -1;
/** An answer takes about as long as the first few looks. */
const firstLookMs = 10;
const maxLookMs = 100;
/** A third of the usual deadline of a call: whoever waited in vain has time to ask for itself. */
const maxWaitMs = 5_000;

export interface SharedFlightOptions {
  readonly wait?: (ms: number) => Promise<unknown>;
  /** Monotonic, milliseconds. */
  readonly now?: () => number;
}

interface Held<T> {
  readonly lease: string;
  readonly nonce: string;
  /** By whoever held it before. */
  readonly answered: T | undefined;
}

/** @param redis undefined: this process is alone */
export function createSharedFlight(redis: RedisConnection | undefined, options: SharedFlightOptions = {}): SharedFlight {
  if (redis === undefined) return async (_key, question, signal) => (await question.ask(signal)).answer;
  const { wait = (ms) => sleep(ms, undefined, { ref: false }), now = () => performance.now() } = options;
  const connection = redis;

  return async function sharedFlight<T>(key: string, question: SharedQuestion<T>, signal: AbortSignal): Promise<T> {
    const lease = prefix + key;
    const until = now() + maxWaitMs;
    for (let lookMs = firstLookMs; ; lookMs = Math.min(2 * lookMs, maxLookMs)) {
      const nonce = randomBytes(nonceBytes).toString("base64url");
      // The look is right behind it: whoever held the lease before may have answered since the last one.
      const [state, answered] = await Promise.all([take(lease, nonce), question.recall()]);
      if (state === "held") return askAs({ lease, nonce, answered }, question, signal);
      if (answered !== undefined) return answered;
      if (state === "unknown" || now() >= until) return (await question.ask(signal)).answer;
      await waitFor(Promise.resolve(wait(lookMs)), signal);
    }
  };

  async function take(lease: string, nonce: string): Promise<"held" | "taken" | "unknown"> {
    try {
      const set = await connection.run((client) => client.set(lease, nonce, "PX", leaseMs, "NX"));
      if (set === "OK") return "held";
      // Without an end, or with one far off, it is nobody's here: callers with little time would wait for it in vain, for ever.
      const leftMs = await connection.run((client) => client.pttl(lease));
      return leftMs === noExpiry || leftMs > leaseMs ? "unknown" : "taken";
    } catch {
      return "unknown";
    }
  }

  async function askAs<T>({ lease, nonce, answered }: Held<T>, question: SharedQuestion<T>, signal: AbortSignal): Promise<T> {
    const release = () => connection.run((client) => client.eval(releaseScript, 1, lease, nonce)).catch(() => undefined);
    const renewing = setInterval(() => void renew(lease), renewEveryMs);
    renewing.unref();
    let kept: Promise<void> = Promise.resolve();
    try {
      if (answered !== undefined) return answered;
      const asked = await question.ask(signal);
      ({ kept } = asked);
      return asked.answer;
    } finally {
      clearInterval(renewing);
      // Whoever waits must find the answer before it finds the lease free; the one who has it need not wait for that.
      void kept.then(release);
    }
  }

  /** Of whoever holds it now: to renew another's lease for two seconds costs nothing but a wait. */
  async function renew(lease: string): Promise<void> {
    await connection.run((client) => client.pexpire(lease, leaseMs)).catch(() => undefined);
  }
}
