// Which redirect URI a request means: byte for byte one of the client's list (RFC 9700 §2.1), except that a native client's
// loopback address may have any port (RFC 8252 §7.3).

import type { Client, ProviderGrant } from "./clients.ts";
import { ExchangeError, malformed } from "./errors.ts";

/**
 * @param wanted as sent; empty: the client's only one
 * @returns the redirect URI that is meant; whether it is registered is not decided here
 * @throws ExchangeError MALFORMED_REQUEST (empty, several registered), REDIRECT_URI_NOT_ALLOWED (empty, none registered)
 */
export function chooseRedirectUri(grant: ProviderGrant, wanted: string): string {
  if (wanted !== "") return wanted;
  const [only, ...others] = grant.redirectUris;
  if (only === undefined) throw new ExchangeError("REDIRECT_URI_NOT_ALLOWED");
  if (others.length > 0) throw malformed("redirect_uri");
  return only;
}

export function isRegistered(client: Client, grant: ProviderGrant, uri: string): boolean {
  if (grant.redirectUris.includes(uri)) return true;
  if (client.kind !== "native") return false;
  const portless = withoutLoopbackPort(uri);
  return portless !== undefined && grant.redirectUris.some((registered) => withoutLoopbackPort(registered) === portless);
}

// Anchored at both ends and with every delimiter spelled out: `http://127.0.0.1:1@evil.example/` is not a loopback address.
const loopback = /^(http:\/\/(?:127\.0\.0\.1|\[::1\]|localhost))(?::([0-9]{1,5}))?((?:\/[\x21-\x7e]*)?)$/;
const maxPort = 65_535;

function withoutLoopbackPort(uri: string): string | undefined {
  const parts = loopbackParts(uri);
  return parts === undefined ? undefined : `${parts.front}${parts.rest}`;
}

export interface LoopbackParts {
  /** Scheme and host. */
  readonly front: string;
  /** Undefined: it names none. */
  readonly port: number | undefined;
  /** Path and query; empty where there are none. */
  readonly rest: string;
}

/** Undefined: it is not on loopback, or not written as such a redirect URI must be. */
export function loopbackParts(uri: string): LoopbackParts | undefined {
  const [, front, digits, rest = ""] = loopback.exec(uri) ?? [];
  const port = digits === undefined ? undefined : Number(digits);
  return front === undefined || (port ?? 0) > maxPort ? undefined : { front, port, rest };
}
