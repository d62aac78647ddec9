// Cookies, as far as they carry credentials (RFC 6265): the one that is meant is read, by its exact name; the refresh cookie is written.
// Every other cookie of a request is nobody's business here.

import type { Secret } from "../exchange/secret.ts";

/** Of the `Cookie` header. More than any browser sends for one site would fit. */
const maxHeaderLength = 16_384;

/** Where the refresh cookie goes back to. Browsers take a name that begins with `__Host-` for every path only (RFC 6265bis §4.1.3.2). */
function pathOf(name: string): string {
  return name.startsWith("__Host-") ? "/" : "/cambio.v1.TokenExchangeService/";
}

/**
 * The value of a cookie, byte for byte. Undefined: it is not there; or there twice, set by different hosts or paths, so that which of
 * them is meant would be a guess.
 */
export function readCookie(header: string | null | undefined, name: string): string | undefined {
  if (header === null || header === undefined || header.length > maxHeaderLength) return undefined;
  const values = header.split(";").flatMap((pair) => {
    const at = pair.indexOf("=");
    return at !== -1 && trimmed(pair.slice(0, at)) === name ? [trimmed(pair.slice(at + 1))] : [];
  });
  const [value, ...others] = values;
  return others.length > 0 || value === "" ? undefined : value;
}

/**
 * Of spaces and tabs alone (RFC 6265 §5.2). To a browser any other space is a part of the name, so that the promise of `__Secure-` does
 * not hold for it: taken away here, it would make a cookie that a neighbour planted into the one that is meant.
 */
function trimmed(text: string): string {
  return text.replace(/^[ \t]+|[ \t]+$/g, "");
}

/** A `Set-Cookie` that no script reads, no other site sends and no plain http carries. */
export function refreshCookie(name: string, handle: Secret, lifeMs: number): string {
  return `${name}=${handle.reveal()}; ${attributesOf(name)}; Max-Age=${Math.floor(lifeMs / 1_000)}`;
}

/** Takes it back. */
export function endedRefreshCookie(name: string): string {
  return `${name}=; ${attributesOf(name)}; Max-Age=0`;
}

function attributesOf(name: string): string {
  return `Path=${pathOf(name)}; HttpOnly; Secure; SameSite=Strict`;
}
