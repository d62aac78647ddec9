// An answer that is there already, or that somebody has to wait for. What this process remembers is answered in the same turn of the
// event loop, without a promise; the same steps go on later where something had to be asked.

export type Soon<T> = T | Promise<T>;

/** How long somebody waits. Asked only where something waits: a signal may first have to be made. */
export interface Patience {
  readonly signal: AbortSignal;
}

/** Goes on with the answer: at once where it is there. What `goOn` throws is thrown then, else the result rejects with it. */
export function whenThere<T, R>(answer: Soon<T>, goOn: (answer: T) => Soon<R>): Soon<R> {
  return answer instanceof Promise ? answer.then(goOn) : goOn(answer);
}
