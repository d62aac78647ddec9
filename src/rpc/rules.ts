// The rules that a request must keep, enforced in one place, before the core sees anything. The proto states the same rules
// in words. The caller is told MALFORMED_REQUEST and no more; the log names the field.

import { malformed } from "../exchange/errors.ts";
import { Secret } from "../exchange/secret.ts";

/** Bounds of api fields, in bytes, as the proto states them. */
export const bounds = {
  clientId: 256,
  name: 128,
  uri: 2_048,
  opaque: 512,
  code: 2_048,
  token: 16_384,
  session: 4_096,
  connection: 128,
  scopes: 64,
  audiences: 16,
} as const;

/** A string of at most so many bytes. Empty stays empty: what that means is the field's business. */
export function bounded(text: string, maxBytes: number, field: string): string {
  // UTF-16 units never outnumber bytes: most texts are decided without counting.
  if (text.length > maxBytes || (text.length * 3 > maxBytes && Buffer.byteLength(text) > maxBytes)) throw malformed(field);
  return text;
}

/** As `bounded`, and made of visible ASCII only: what may stand in a header, a URL or a form without surprises. */
export function visible(text: string, maxBytes: number, field: string): string {
  if (text === "") return text;
  if (!/^[\x21-\x7e]*$/.test(bounded(text, maxBytes, field))) throw malformed(field);
  return text;
}

export function requiredVisible(text: string, maxBytes: number, field: string): string {
  if (text === "") throw malformed(field);
  return visible(text, maxBytes, field);
}

/** As `visible`, and spaces: VSCHAR, of which codes, states and tokens are made (RFC 6749 appendix A). */
export function printable(text: string, maxBytes: number, field: string): string {
  if (!/^[\x20-\x7e]*$/.test(bounded(text, maxBytes, field))) throw malformed(field);
  return text;
}

export function requiredSecret(text: string, maxBytes: number, field: string): Secret {
  if (text === "") throw malformed(field);
  return new Secret(printable(text, maxBytes, field));
}

/** scope-token of RFC 6749 §3.3. */
export function scopeList(scopes: readonly string[], field: string): readonly string[] {
  if (scopes.length > bounds.scopes) throw malformed(field);
  for (const scope of scopes) {
    if (!/^[\x21\x23-\x5b\x5d-\x7e]{1,128}$/.test(scope)) throw malformed(field);
  }
  return scopes;
}

export function audienceList(audiences: readonly string[]): readonly string[] {
  if (audiences.length > bounds.audiences) throw malformed("audiences");
  for (const audience of audiences) {
    if (visible(audience, bounds.name, "audiences") === "") throw malformed("audiences");
  }
  return audiences;
}
