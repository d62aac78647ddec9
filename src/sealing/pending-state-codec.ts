// A pending sign-in as bytes and back. The bytes hold a PKCE verifier in clear: they are for sealing and for nothing else.

import { z } from "zod";
import type { PendingState } from "../exchange/one-time-ports.ts";
import { Secret } from "../exchange/secret.ts";

/** Of one that is sealed: redirect URI, challenge, verifier and nonce, each bounded where it comes in. */
export const maxStateBytes = 16 * 1024;

const shape = z.strictObject({
  clientId: z.string(),
  provider: z.string(),
  redirectUri: z.string(),
  codeChallenge: z.string().optional(),
  codeVerifier: z.string().optional(),
  nonce: z.string().optional(),
  expiresAtMs: z.number(),
});

export function encodePendingState(pending: PendingState): Uint8Array {
  return Buffer.from(JSON.stringify({ ...pending, codeVerifier: pending.codeVerifier?.reveal() }));
}

export function decodePendingState(bytes: Uint8Array): PendingState | undefined {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes).toString());
  } catch {
    return undefined;
  }
  const decoded = shape.safeParse(value);
  if (!decoded.success) return undefined;
  const { clientId, provider, redirectUri, codeChallenge, codeVerifier, nonce, expiresAtMs } = decoded.data;
  return {
    clientId,
    provider,
    redirectUri,
    codeChallenge,
    codeVerifier: codeVerifier === undefined ? undefined : new Secret(codeVerifier),
    nonce,
    expiresAtMs,
  };
}
