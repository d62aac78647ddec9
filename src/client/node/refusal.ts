// What a refused request is answered over plain HTTP: status, challenge (RFC 6750 §3) and JSON. Nothing of the token is in it.

import type { Denied, Refusal } from "./decision.ts";

export interface RefusalAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export function answerTo(refusal: Refusal, scopes: readonly string[]): RefusalAnswer {
  const headers = { "content-type": "application/json", "cache-control": "no-store" };
  if (refusal.kind === "undecided") {
    const body = {
      error: "temporarily_unavailable",
      error_description: "Whether the token is good cannot be decided now.",
      reason: "UNDECIDED",
    };
    return { status: 503, headers: { ...headers, "retry-after": retryAfter(refusal.retryAfterMs) }, body: JSON.stringify(body) };
  }
  const body = {
    error: refusal.error,
    error_description: refusal.description,
    reason: refusal.reason,
    ...(refusal.requestId === undefined ? {} : { request_id: refusal.requestId }),
    ...(refusal.expiredAt === undefined ? {} : { expired_at: refusal.expiredAt.toISOString() }),
  };
  return { status: refusal.status, headers: { ...headers, ...challengeOf(refusal, scopes) }, body: JSON.stringify(body) };
}

/** Whole seconds (RFC 9110 §10.2.3), an hour at most. */
export function retryAfter(ms: number): string {
  return String(Math.min(Math.max(Math.ceil(ms / 1_000), 1), 3_600));
}

/** A request that shows no token is told the scheme and nothing else (RFC 6750 §3.1). What is quoted is ours: sentences, an instant, scopes. */
export function challengeOf({ error, description, reason }: Denied, scopes: readonly string[]): Readonly<Record<string, string>> {
  if (error === "missing_token") return { "www-authenticate": "Bearer" };
  if (error === "access_denied") return {};
  const why = reason === "TOKEN_EXPIRED" ? `, error_description="${description}"` : "";
  const wanted = error === "insufficient_scope" ? `, scope="${scopes.join(" ")}"` : "";
  return { "www-authenticate": `Bearer error="${error}"${why}${wanted}` };
}
