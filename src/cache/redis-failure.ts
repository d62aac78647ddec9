// Why a Redis command gave no result, reduced to what is safe to log: the library's own errors carry the command and its
// arguments, the AUTH password included, so they are classified here once and never passed on.

import { ReplyError } from "ioredis";

export class RedisFailure extends Error {
  override readonly name = "RedisFailure";
  /** Upper-case word: AWAY, BUSY, TIMEOUT, LOST, a system error's code, or the first word of Redis' own error (READONLY, OOM, …). */
  readonly code: string;
  /** refused: the command was certainly not carried out. unknown: it may have been, or may still be. */
  readonly outcome: "refused" | "unknown";

  constructor(code: string, outcome: "refused" | "unknown") {
    super(code);
    this.code = code;
    this.outcome = outcome;
  }
}

/** What the client library threw, as one of ours. */
export function classifyRedisError(error: unknown): RedisFailure {
  if (error instanceof RedisFailure) return error;
  // An error reply is Redis' own word that it did not do it: READONLY, OOM, NOAUTH, LOADING, MISCONF, NOPERM, WRONGTYPE.
  if (error instanceof Error && error instanceof ReplyError) return new RedisFailure(firstWord(error.message), "refused");
  const redirected = error instanceof Error ? redirection.exec(error.message)?.[1] : undefined;
  if (redirected !== undefined) return new RedisFailure(redirected, "refused");
  return new RedisFailure(systemCode(error) ?? "LOST", "unknown");
}

/** A Cluster's server that says one of these has done nothing, and the library has followed it often enough. */
const redirection = /^Too many Cluster redirections\. Last error: ReplyError: (MOVED|ASK|TRYAGAIN|CLUSTERDOWN) /;

/** Why a Cluster, or one of its servers, cannot be used: where all of them failed the library gives the last one's error along. */
export function codeOfCluster(error: unknown): string {
  const last = error instanceof Error && "lastNodeError" in error ? error.lastNodeError : undefined;
  return classifyRedisError(last ?? error).code;
}

/** By pattern, because the rest of a reply may quote arguments. */
function firstWord(message: string): string {
  return /^[A-Z]{2,32}(?= |$)/.exec(message)?.[0] ?? "ERR";
}

function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error) || typeof error.code !== "string") return undefined;
  return /^[A-Z0-9_]{2,64}$/.test(error.code) ? error.code : undefined;
}
