// The token in an `authorization` header (RFC 6750 §2.1), read strictly: one header, one scheme, one token. It is looked for nowhere
// else; addresses end up in logs and histories.

export type Shown =
  | { readonly kind: "token"; readonly token: string }
  /** No header, or one of another scheme. */
  | { readonly kind: "none" }
  /** Several headers: which of them somebody else went by cannot be known. */
  | { readonly kind: "repeated" }
  | { readonly kind: "malformed" };

/** Characters, the most that Cambio looks at. */
const maxTokenLength = 16_384;

/** @param headers every `authorization` header of the request */
export function readBearer(headers: readonly string[]): Shown {
  const [header, ...more] = headers;
  if (more.length > 0) return { kind: "repeated" };
  if (header === undefined || !/^bearer(?: |$)/i.test(header)) return { kind: "none" };
  if (header.length > maxTokenLength + 16) return { kind: "malformed" };
  const token = /^bearer {1,8}([\w.~+/-]+=*)$/i.exec(header)?.[1];
  return token === undefined || token.length > maxTokenLength ? { kind: "malformed" } : { kind: "token", token };
}
