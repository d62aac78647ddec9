// Tokens that only their issuer can read. Told apart by form alone, before anyone is asked: what looks like a JWT is one, so that a
// token with a bad signature never becomes a question that its bearer may hope to win.

import type { Secret } from "../secret.ts";

/** b64token of RFC 6750 §2.1: nothing that could end a header line or a form field. */
const bearerSyntax = /^[A-Za-z0-9\-._~+/]+=*$/;

/** Three parts between dots make a JWS, five a JWE (RFC 7516 §7.1). */
const jwtDots: readonly number[] = [2, 4];

export function isOpaque(token: Secret): boolean {
  const text = token.reveal();
  return bearerSyntax.test(text) && !jwtDots.includes(text.split(".", 6).length - 1);
}
