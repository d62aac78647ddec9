// A session as browsers and messages show it, brought into the one form in which it is sent on: a token and the application's
// signature over it. Whether the signature is good only the application can say.

/** Better Auth's have about 80 characters; a browser keeps no cookie beyond 4 KiB. */
const maxLength = 4_096;

/** RFC 6265 §4.1.1: nothing that could end the value or the header, or begin another cookie. */
const cookieOctets = /^[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]+$/;

/** HMAC-SHA256 in base64. What has none is refused here: Better Auth's bearer plugin takes a bare token as well. */
const signed = /^([A-Za-z0-9_-]{1,256})\.([A-Za-z0-9+/]{43}=)$/;

export interface SessionToken {
  /** What the application finds the session by. */
  readonly id: string;
  /** With its signature, decoded. */
  readonly signed: string;
}

/** @returns undefined: no session of any application looks like that */
export function readSessionToken(shown: string): SessionToken | undefined {
  if (shown.length > maxLength || !cookieOctets.test(shown)) return undefined;
  const decoded = decodeOnce(shown);
  const [, id, signature] = signed.exec(decoded ?? "") ?? [];
  if (decoded === undefined || id === undefined || signature === undefined) return undefined;
  // One spelling per signature: the last character has bits that say nothing.
  if (Buffer.from(signature, "base64").toString("base64") !== signature) return undefined;
  return { id, signed: decoded };
}

/** As it stands in a `Cookie` header it is URL-encoded once. */
function decodeOnce(value: string): string | undefined {
  try {
    return decodeURIComponent(value);
  } catch {
    return undefined;
  }
}
