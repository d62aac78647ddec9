// The token for RPCs: an interceptor in the form that Connect takes, written without Connect, which not every page has.

interface Outgoing {
  readonly url: string;
  readonly header: Headers;
  readonly signal: AbortSignal;
}

/** Fits Connect's `Interceptor`. */
export type BearerInterceptor = <Q extends Outgoing, A>(next: (request: Q) => Promise<A>) => (request: Q) => Promise<A>;

/** Attaches a bearer to calls of that origin, and of no other; one that is there already stays. */
export function createBearerInterceptor(origin: () => string, getToken: (signal: AbortSignal) => Promise<string>): BearerInterceptor {
  return (next) => async (request) => {
    if (URL.parse(request.url)?.origin === origin() && !request.header.has("authorization")) {
      request.header.set("authorization", `Bearer ${await getToken(request.signal)}`);
    }
    return next(request);
  };
}
