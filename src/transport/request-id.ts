// The id that ties an answer to its log line: the caller's own where it is harmless to write down, else a fresh one.

const harmless = /^[A-Za-z0-9._-]{1,64}$/;

export function requestIdOf(header: string | readonly string[] | undefined, fresh: () => string): string {
  return typeof header === "string" && harmless.test(header) ? header : fresh();
}
