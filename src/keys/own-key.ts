// One of this service's own keys: how it is made, what it is called, and what of it is published. When it signs is
// signing-schedule.ts.

import { createHash, createPublicKey, generateKeyPair, type KeyObject } from "node:crypto";
import { promisify } from "node:util";
import type { SigningAlgorithm } from "../exchange/minting-ports.ts";
import { importJwk, type VerificationKey } from "./import-jwk.ts";

/** As published (RFC 7517 §4): public members only. */
export interface PublicJwk {
  readonly kty: string;
  readonly kid: string;
  readonly use: "sig";
  readonly alg: SigningAlgorithm;
  readonly crv?: string;
  readonly x?: string;
  readonly y?: string;
  readonly n?: string;
  readonly e?: string;
}

export interface OwnKeyParts {
  readonly kid: string;
  readonly jwk: PublicJwk;
  readonly verification: VerificationKey;
}

const generate = promisify(generateKeyPair);

/** A key signs for weeks and is dropped: more bits would slow down every signature, and protect nothing that lives that long. */
const modulusLength = 2_048;

/** Members that make a key what it is, in the order of RFC 7638 §3.2: nothing else is published, nor hashed. */
const required = { ES256: ["crv", "kty", "x", "y"], EdDSA: ["crv", "kty", "x"], RS256: ["e", "kty", "n"] } as const;

/** A new private key, made off the event loop. */
export async function createPrivateKeyFor(algorithm: SigningAlgorithm): Promise<KeyObject> {
  if (algorithm === "ES256") return (await generate("ec", { namedCurve: "P-256" })).privateKey;
  if (algorithm === "EdDSA") return (await generate("ed25519")).privateKey;
  return (await generate("rsa", { modulusLength })).privateKey;
}

/** @throws Error where the key is not one for this algorithm: whoever gave it has checked that */
export function partsOf(privateKey: KeyObject, algorithm: SigningAlgorithm): OwnKeyParts {
  const members = createPublicKey(privateKey).export({ format: "jwk" });
  const named = required[algorithm].map((name) => [name, members[name]] as const);
  const kid = createHash("sha256")
    .update(JSON.stringify(Object.fromEntries(named)))
    .digest("base64url");
  const jwk = { ...Object.fromEntries(named), kty: String(members["kty"]), kid, use: "sig", alg: algorithm } as const;
  const verification = importJwk(jwk);
  if (verification === undefined || named.some(([, value]) => typeof value !== "string"))
    throw new Error("the key is for another algorithm");
  return { kid, jwk, verification };
}
