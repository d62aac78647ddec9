// Issuers' keys and the tokens signed with them, by node:crypto: what a provider does on its side.

import { constants, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { algorithmRules, type SignatureAlgorithm } from "../../src/keys/algorithms.ts";
import { importJwk, type VerificationKey } from "../../src/keys/import-jwk.ts";

export type Jwk = Readonly<Record<string, unknown>>;

export interface SigningKey {
  readonly algorithm: SignatureAlgorithm;
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
  /** As published: public members, kid and use. */
  readonly jwk: Jwk;
  /** A compact token over these parts; the header gets `alg` and `kid` unless it says otherwise. */
  token(payload: object, header?: object): string;
  sign(signingInput: string): Buffer;
}

export function createSigningKey(algorithm: SignatureAlgorithm, kid: string, modulusLength = 2_048): SigningKey {
  const rule = algorithmRules[algorithm];
  const { publicKey, privateKey } = generate(rule.keyType, modulusLength);
  const signing = {
    key: privateKey,
    dsaEncoding: "ieee-p1363" as const,
    ...("padding" in rule && { padding: rule.padding }),
    ...("padding" in rule && rule.padding === constants.RSA_PKCS1_PSS_PADDING && { saltLength: constants.RSA_PSS_SALTLEN_DIGEST }),
  };
  const signText = (text: string): Buffer => sign(rule.digest ?? null, Buffer.from(text), signing);
  return {
    algorithm,
    publicKey,
    privateKey,
    jwk: { ...publicKey.export({ format: "jwk" }), kid, use: "sig" },
    sign: signText,
    token(payload, header = {}) {
      const signingInput = signingInputOf({ alg: algorithm, kid, ...header }, payload);
      return `${signingInput}.${signText(signingInput).toString("base64url")}`;
    },
  };
}

/** The key as a key set would hold it. */
export function importedKey(jwk: Jwk): VerificationKey {
  const key = importJwk(jwk);
  if (key === undefined) throw new Error("the key was dropped");
  return key;
}

export function signingInputOf(header: object, payload: object): string {
  return [header, payload].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".");
}

function generate(type: string, modulusLength: number): { publicKey: KeyObject; privateKey: KeyObject } {
  if (type === "RSA") return generateKeyPairSync("rsa", { modulusLength });
  if (type === "Ed25519") return generateKeyPairSync("ed25519");
  return generateKeyPairSync("ec", { namedCurve: type });
}
