// The Ed25519 key that signs the trail, derived from a sealing key, and the check of its signatures. What is signed is known to
// chained-lines.ts and read-record.ts.

import { createPrivateKey, createPublicKey, sign, verify } from "node:crypto";
import { decodeBase64url } from "../exchange/base64url.ts";
import { deriveKey, type MasterKey } from "../sealing/master-keys.ts";

export interface SigningKey {
  /** The sealing key's id. */
  readonly id: string;
  /** 32 bytes in base64url. */
  readonly publicKey: string;
  /** @returns 64 bytes in base64url */
  sign(text: string): string;
}

/** PKCS #8 around the 32 bytes of a seed (RFC 8410 §7). */
const pkcs8Prefix = Buffer.from("302e020100300506032b657004220420", "hex");
const publicKeyBytes = 32;
const signatureBytes = 64;
/** Keeps these signatures apart from whatever else the key might ever sign. */
const purpose = "cambio/v1/audit/record\n";

export function createSigningKey(master: MasterKey): SigningKey {
  const seed = deriveKey(master, "cambio/v1/audit/signature").export();
  const privateKey = createPrivateKey({ key: Buffer.concat([pkcs8Prefix, seed]), format: "der", type: "pkcs8" });
  const { x: publicKey = "" } = createPublicKey(privateKey).export({ format: "jwk" });
  return { id: master.id, publicKey, sign: (text) => sign(null, Buffer.from(purpose + text), privateKey).toString("base64url") };
}

export type SignatureCheck = (text: string, signature: string) => boolean;

/** Undefined: that is no public key. */
export function createSignatureCheck(publicKey: string): SignatureCheck | undefined {
  if (decodeBase64url(publicKey)?.length !== publicKeyBytes) return undefined;
  const key = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x: publicKey }, format: "jwk" });
  return (text, signature) => {
    const bytes = decodeBase64url(signature);
    return bytes?.length === signatureBytes && verify(null, Buffer.from(purpose + text), key, bytes);
  };
}
