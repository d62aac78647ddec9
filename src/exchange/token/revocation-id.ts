// What revocation knows a token by: its own id where it has one that can be used, else a hash of what was signed. Not of the whole
// token, as some signatures have a second spelling that verifies as well.

/** Longer than any UUID or hash that is used as `jti`. */
const maxTokenIdLength = 128;

/**
 * @param jti as in the token; anything
 * @param signingInput see RFC 7515 §5.1
 * @param sha256 in base64url
 */
export function revocationIdOf(jti: unknown, signingInput: string, sha256: (text: string) => string): string {
  return nameOfTokenId(jti) ?? `sha256:${sha256(signingInput)}`;
}

/**
 * @param jti as in the token; anything
 * @returns undefined: not there, or too long or too odd to be a key in every store
 */
export function nameOfTokenId(jti: unknown): string | undefined {
  return typeof jti === "string" && jti.length <= maxTokenIdLength && /^[\x20-\x7e]+$/.test(jti) ? `jti:${jti}` : undefined;
}
