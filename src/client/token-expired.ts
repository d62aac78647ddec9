// Does a 401 say that the token expired? Only then would another one help: every other refusal is the caller's to see.

import { member, parseJson, readBounded } from "./read-body.ts";
import { waitFor } from "./waiting.ts";

/**
 * Reads a copy: the answer itself stays whole.
 *
 * @param timeoutMs limit for the body; what has not said so by then does not say so
 */
export async function saysExpired(response: Response, timeoutMs: number): Promise<boolean> {
  if (response.status !== 401) return false;
  const challenge = response.headers.get("www-authenticate") ?? "";
  if (/\bbearer\b/i.test(challenge) && /\berror="?invalid_token\b/i.test(challenge) && /expired/i.test(challenge)) return true;
  // Pages of another origin see that header only where the API exposes it.
  if (!/\bjson\b/i.test(response.headers.get("content-type") ?? "")) return false;
  const text = await waitFor(readBounded(response.clone()), AbortSignal.timeout(timeoutMs)).catch(() => undefined);
  const body = parseJson(text);
  return [member(body, "reason"), ...connectReasons(body)].some(
    (reason) => reason === "TOKEN_EXPIRED" || reason === "ERROR_REASON_TOKEN_EXPIRED",
  );
}

/** Connect puts the details of an error beside its code, in JSON under `debug`. */
function connectReasons(body: unknown): readonly unknown[] {
  const details = member(body, "details");
  return Array.isArray(details) ? details.map((detail: unknown) => member(member(detail, "debug"), "reason")) : [];
}
