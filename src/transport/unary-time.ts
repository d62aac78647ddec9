// The time of one unary call: over when its deadline has come, when its client has left, when the process stops. Nothing is set up
// for a call that is answered at once: timers, listeners and the abort signal are made when somebody waits.

import { ExchangeError } from "../exchange/errors.ts";
import type { Visit } from "./visit.ts";

export interface UnaryLimits {
  /** Milliseconds that the work has from when it is first waited for. */
  readonly deadlineMs: number;
  /** Aborts what is still running when the process stops. */
  readonly shutdownSignal: AbortSignal | undefined;
}

/** A class, because a call that waits for nothing should cost nothing: its getter is made once, and not for every call. */
export class UnaryTime {
  readonly #visit: Visit;
  readonly #limits: UnaryLimits;
  /** Milliseconds, as the client named them, and since when they count. */
  readonly #timeoutMs: number | undefined;
  readonly #begun: number;
  readonly #timers: NodeJS.Timeout[] = [];
  #watched = false;
  #controller: AbortController | undefined;
  #failure: ExchangeError | undefined;
  #whenOver: ((failure: ExchangeError) => void) | undefined;

  /** @param timeoutMs the client's own limit, less than the deadline; undefined: it named none */
  constructor(visit: Visit, limits: UnaryLimits, timeoutMs: number | undefined) {
    this.#visit = visit;
    this.#limits = limits;
    this.#timeoutMs = timeoutMs;
    this.#begun = timeoutMs === undefined ? 0 : performance.now();
  }

  /** Aborts when the time is over. */
  get signal(): AbortSignal {
    this.#watch();
    this.#controller ??= new AbortController();
    if (this.#failure !== undefined) this.#controller.abort(this.#failure);
    return this.#controller.signal;
  }

  /** Of what the client named; undefined: it named nothing. */
  remainingMs(): number | undefined {
    return this.#timeoutMs === undefined ? undefined : this.#timeoutMs - (performance.now() - this.#begun);
  }

  /**
   * The result of work that is under way. The caller is answered when the time is over, whatever the work does with its signal: a
   * one-time upstream call, once sent, goes on to its end with nobody waiting.
   * @throws ExchangeError DEADLINE_EXCEEDED, or what the work throws
   */
  within<T>(work: Promise<T>): Promise<T> {
    this.#watch();
    this.#timers.push(setTimeout(this.#end, this.#limits.deadlineMs));
    return new Promise((resolve, reject) => {
      this.#whenOver = reject;
      if (this.#failure !== undefined) this.#end();
      // Losing the race makes its later failure nobody's.
      work.then(resolve, reject);
    });
  }

  /** The call is answered: nothing is waited for any more. */
  settle(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    if (!this.#watched) return;
    this.#visit.res.off("close", this.#end);
    this.#limits.shutdownSignal?.removeEventListener("abort", this.#end);
  }

  #watch(): void {
    if (this.#watched) return;
    this.#watched = true;
    const { shutdownSignal } = this.#limits;
    const remainingMs = this.remainingMs();
    this.#visit.res.on("close", this.#end);
    shutdownSignal?.addEventListener("abort", this.#end, { once: true });
    if (this.#visit.closed || shutdownSignal?.aborted === true || (remainingMs ?? 1) <= 0) this.#end();
    else if (remainingMs !== undefined) this.#timers.push(setTimeout(this.#end, remainingMs));
  }

  readonly #end = (): void => {
    const failure = (this.#failure ??= new ExchangeError("DEADLINE_EXCEEDED"));
    this.#controller?.abort(failure);
    const whenOver = this.#whenOver;
    // The work is heard first, within this turn: it knows whether something one-time was under way.
    if (whenOver !== undefined) setImmediate(whenOver, failure);
  };
}
