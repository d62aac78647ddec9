// Token types as messages name them (RFC 8693 §3). Which kinds of token an operation takes is decided here, by name; what a token
// really is, by whoever verifies it.

import { type CredentialField, ExchangeError } from "../exchange/errors.ts";
import { tokenTypes } from "../exchange/tokens.ts";

const accessTokenTypes: ReadonlySet<string> = new Set(["", tokenTypes.accessToken, tokenTypes.jwt]);

/** @throws ExchangeError TOKEN_TYPE_MISMATCH */
export function checkAccessTokenType(type: string, field: CredentialField = "SUBJECT_TOKEN"): void {
  if (!accessTokenTypes.has(type)) throw new ExchangeError("TOKEN_TYPE_MISMATCH", { field });
}
