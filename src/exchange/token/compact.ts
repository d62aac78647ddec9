// A compact JWS (RFC 7515 §7.1) taken apart, strictly: one spelling per part, nothing in the header that changes its meaning.
// Nothing is verified here; what comes out is as trustworthy as whoever sent it.

import { decodeBase64url } from "../base64url.ts";
import { ExchangeError } from "../errors.ts";
import { isJsonObject, type JsonObject, type JsonValue, parseStrictJson } from "./strict-json.ts";

export interface CompactToken {
  readonly header: {
    /** Only ever compared with configuration. */
    readonly alg: string;
    /** An opaque map key. */
    readonly kid: string | undefined;
    readonly typ: string | undefined;
  };
  /** Unverified. */
  readonly payload: JsonObject;
  /** What was signed; ASCII (RFC 7515 §5.1). */
  readonly signingInput: string;
  readonly signature: Uint8Array;
}

/** Access tokens have 1 to 4 KiB. Measured before anything is decoded; characters are bytes, others are refused below. */
export const maxTokenLength = 16 * 1024;

/** Deep enough for a payload, four actors inside one another and a claim of theirs. */
export const maxJsonDepth = 8;

/** These change what the signature covers or how the payload reads (RFC 7515 §4.1.11, RFC 7797, RFC 7516): refused, not understood. */
const refusedMembers = ["crit", "b64", "enc", "zip"] as const;

/** Keeps nothing between calls. ignoreBOM leaves a byte order mark in the text, where JSON refuses it; else it would vanish. */
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Characters. Thumbprints and UUIDs, the usual key ids, have 43 and 36; this leaves room for a URL. */
export const maxKeyIdLength = 256;

/** Header, payload, signature. */
const partCount = 3;

const printable = /^[\x20-\x7e]+$/;

/**
 * @param token untrusted
 * @throws ExchangeError TOKEN_MALFORMED
 */
export function parseCompact(token: string): CompactToken {
  if (token.length > maxTokenLength) throw malformed();
  // One part more than there may be is enough to refuse; a token of dots alone makes no longer list.
  const [headerPart, payloadPart, signaturePart, ...others] = token.split(".", partCount + 1);
  if (headerPart === undefined || payloadPart === undefined || signaturePart === undefined || others.length > 0) throw malformed();

  const header = readHeader(decodeObject(headerPart));
  return {
    header,
    payload: decodeObject(payloadPart),
    signingInput: `${headerPart}.${payloadPart}`,
    signature: decodePart(signaturePart),
  };
}

/** `iss` as the token claims it: good for looking it up in configuration, and for nothing else. */
export function unverifiedIssuer(token: CompactToken): string | undefined {
  const issuer = token.payload["iss"];
  return typeof issuer === "string" ? issuer : undefined;
}

/** Whatever else stands in the header is not read: a key that the token brings along (jwk, x5c, jku, x5u) proves nothing. */
function readHeader(header: JsonObject): CompactToken["header"] {
  if (refusedMembers.some((name) => name in header)) throw malformed();
  const { alg, kid, typ } = header;
  if (typeof alg !== "string" || alg === "" || alg.toLowerCase() === "none") throw malformed();
  if (kid !== undefined && !isKeyId(kid)) throw malformed();
  if (typ !== undefined && typeof typ !== "string") throw malformed();
  return { alg, kid, typ };
}

function isKeyId(kid: JsonValue): kid is string {
  return typeof kid === "string" && kid.length <= maxKeyIdLength && printable.test(kid);
}

function decodeObject(part: string): JsonObject {
  let value: JsonValue;
  try {
    value = parseStrictJson(utf8.decode(decodePart(part)), { maxDepth: maxJsonDepth });
  } catch {
    throw malformed();
  }
  if (!isJsonObject(value)) throw malformed();
  return value;
}

function decodePart(part: string): Uint8Array {
  const bytes = decodeBase64url(part);
  if (bytes === undefined) throw malformed();
  return bytes;
}

/** Without a cause: anything that could explain more would quote the token. */
function malformed(): ExchangeError {
  return new ExchangeError("TOKEN_MALFORMED", { field: "SUBJECT_TOKEN" });
}
