// Tokens that only their issuer can read. Told apart by form alone, before anyone is asked: what looks like a JWT is one, so that a
// token with a bad signature never becomes a question that its bearer may hope to win.

import type { Secret } from "../secret.ts";

/** b64token of RFC 6750 §2.1: nothing that could end a header line or a form field. */
const bearerSyntax = /^[A-Za-z0-9\-._~+/]+=*$/;

export function isOpaque(token: Secret): boolean {
  const text = token.reveal();
  // A JWS has two dots, a JWE four (RFC 7516 §7.1); one with a dot too many or too few is a broken one, and some provider may mend it.
  return bearerSyntax.test(text) && text.split(".", 3).length < 3;
}
