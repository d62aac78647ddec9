// The claims of an access token that a provider has just handed out, read leniently: what a strict reader refuses, a recipient may
// still accept. They are read only to refuse or to revoke, and never to believe; for that see compact.ts.

import type { Secret } from "../secret.ts";

export interface LenientToken {
  /** What was signed. */
  readonly signingInput: string;
  /** Unverified; empty where they cannot be read. */
  readonly claims: Readonly<Record<string, unknown>>;
}

/** Undefined: it does not have three parts, so it is opaque. */
export function readLeniently(token: Secret): LenientToken | undefined {
  const [header = "", payload = "", signature, ...more] = token.reveal().split(".");
  if (signature === undefined || more.length > 0) return undefined;
  return { signingInput: `${header}.${payload}`, claims: claimsOf(payload) };
}

function claimsOf(payload: string): LenientToken["claims"] {
  try {
    const value: unknown = JSON.parse(Buffer.from(payload, "base64url").toString());
    return typeof value === "object" && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}
