// What revocation knows a token by, as far as its own words go. Who has no such word is known by a hash of what was signed: not of
// the whole token, as some signatures have a second spelling that verifies as well.

/** Longer than any UUID or hash that is used as `jti`. */
const maxTokenIdLength = 128;

/**
 * @param jti as in the token; anything
 * @returns undefined: not there, or too long or too odd to be a key in every store
 */
export function nameOfTokenId(jti: unknown): string | undefined {
  return typeof jti === "string" && jti.length <= maxTokenIdLength && /^[\x20-\x7e]+$/.test(jti) ? `jti:${jti}` : undefined;
}

/** @param sha256 of the signing input (RFC 7515 §5.1), base64url */
export function nameOfSigned(sha256: string): string {
  return `sha256:${sha256}`;
}
