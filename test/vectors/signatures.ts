// JSON Web Signature vectors through the verifier of other people's tokens: compact form, key set, algorithm, signature.
// Most payloads are texts, where tokens carry JSON objects: none of these is a token. What is under test is everything else, so
// their payloads are read as bytes here, and the rest as always.

import { createPublicKey } from "node:crypto";
import { decodeBase64url } from "../../src/exchange/base64url.ts";
import { type CompactToken, parseCompact } from "../../src/exchange/token/compact.ts";
import { algorithmRules, sameAlgorithm, type SignatureAlgorithm } from "../../src/keys/algorithms.ts";
import { createKeySet } from "../../src/keys/key-set.ts";
import { checkSignature, type SignatureCheck } from "../../src/keys/signature-check.ts";
import type { Verdict } from "./judgement.ts";
import type { SignatureGroup, SignatureVector } from "./vector-file.ts";

type Jwk = Readonly<Record<string, unknown>>;

const algorithms = Object.keys(algorithmRules) as SignatureAlgorithm[];

/** The group's key is what its issuer publishes, and the key's algorithm is the one that is configured for this issuer. */
export async function judgeSignatures(group: SignatureGroup): Promise<readonly Verdict[]> {
  const keys = publishedKeys(group);
  const check = checkOf(keys);
  const verdicts: Verdict[] = [];
  for (const vector of group.tests) {
    const accepted = await accepts(check, vector.jws);
    const rules = accepted ? [] : brokenRules(keys, vector);
    verdicts.push({ id: vector.tcId, comment: vector.comment, expected: vector.result, accepted, rules });
  }
  return verdicts;
}

/** How many of them the service would read as tokens, whoever signed them. */
export function countTokens(groups: readonly SignatureGroup[]): number {
  return groups.flatMap((group) => group.tests).filter(({ jws }) => isToken(jws)).length;
}

function isToken(jws: string): boolean {
  try {
    parseCompact(jws);
    return true;
  } catch {
    return false;
  }
}

function publishedKeys(group: SignatureGroup): readonly Jwk[] {
  const published = group.public ?? group.private ?? {};
  return Array.isArray(published["keys"]) ? (published["keys"] as Jwk[]) : [published];
}

function checkOf(keys: readonly Jwk[]): SignatureCheck {
  const named = keys.map((key) => key["alg"]).filter((alg) => alg !== undefined);
  return {
    keySet: createKeySet({ fetchJwks: () => Promise.resolve({ keys }), clock: () => 0 }),
    rules: {
      algorithms: named.length === 0 ? algorithms : algorithms.filter((algorithm) => named.some((alg) => alg === algorithm)),
      denyKeyIds: new Set(),
    },
  };
}

async function accepts(check: SignatureCheck, jws: string): Promise<boolean> {
  const token = readAnyPayload(jws);
  if (token === undefined) return false;
  try {
    return (await checkSignature(check, token, AbortSignal.timeout(10_000))).kind === "good";
  } catch {
    // A set without a usable key is an unavailable issuer: no token of it is good.
    return false;
  }
}

/** Reads an empty object where the payload stands; what was signed stays as it is. */
function readAnyPayload(jws: string): CompactToken | undefined {
  const parts = jws.split(".");
  const [header, payload] = parts;
  if (header === undefined || payload === undefined || decodeBase64url(payload) === undefined) return undefined;
  try {
    return { ...parseCompact(parts.with(1, "e30").join(".")), signingInput: `${header}.${payload}` };
  } catch {
    return undefined;
  }
}

interface Asked {
  readonly keys: readonly Jwk[];
  readonly jws: string;
  /** As written; undefined: there is none to be read. */
  readonly header: Jwk | undefined;
}

const ours: readonly { readonly rule: string; readonly breaks: (asked: Asked) => boolean }[] = [
  { rule: "shared secrets are not accepted from an issuer", breaks: ({ keys }) => keys.some((key) => key["kty"] === "oct") },
  { rule: "RSA keys have 2048 bits at least", breaks: ({ keys }) => keys.some((key) => modulusBits(key) < 2_048) },
  { rule: "keys for encryption check no signatures", breaks: ({ keys }) => keys.some(isForEncryption) },
  { rule: "a published key id names one key", breaks: ({ keys }) => new Set(keys.map((key) => key["kid"])).size < keys.length },
  { rule: "no part is empty", breaks: ({ jws }) => jws.split(".").includes("") },
  {
    rule: "base64url has one spelling",
    breaks: ({ jws }) => jws.split(".").some((part) => part !== "" && decodeBase64url(part) === undefined),
  },
  {
    rule: "the header may not change what is signed",
    breaks: ({ header }) => header !== undefined && ("crit" in header || "b64" in header),
  },
  { rule: "the key is published for another algorithm than the header names", breaks: isForAnother },
];

function brokenRules(keys: readonly Jwk[], { jws }: SignatureVector): readonly string[] {
  const asked = { keys, jws, header: readHeader(jws) };
  return ours.filter(({ breaks }) => breaks(asked)).map(({ rule }) => rule);
}

function isForAnother({ keys, header }: Asked): boolean {
  const alg = header?.["alg"];
  return typeof alg === "string" && keys.every((key) => typeof key["alg"] === "string" && !sameAlgorithm(key["alg"], alg));
}

function isForEncryption({ use, key_ops: operations }: Jwk): boolean {
  return use === "enc" || (Array.isArray(operations) && !operations.includes("verify"));
}

/** Infinite for what is no RSA key. */
function modulusBits(jwk: Jwk): number {
  if (jwk["kty"] !== "RSA") return Infinity;
  return createPublicKey({ key: jwk, format: "jwk" }).asymmetricKeyDetails?.modulusLength ?? 0;
}

function readHeader(jws: string): Jwk | undefined {
  try {
    return JSON.parse(Buffer.from(jws.split(".")[0] ?? "", "base64url").toString()) as Jwk;
  } catch {
    return undefined;
  }
}
