// Keys of a made-up issuer, and its signature under what it is given. By node:crypto in the thread pool, so that an issuer that signs
// thousands a second takes little of the machine that it shares with what is measured.

import { generateKeyPair, type KeyObject, sign as signData } from "node:crypto";
import { promisify } from "node:util";

export const benchAlgorithms = ["RS256", "ES256"] as const;
export type BenchAlgorithm = (typeof benchAlgorithms)[number];

export interface BenchKeys {
  /** A compact JWS of exactly these claims. */
  sign(claims: object, algorithm: BenchAlgorithm): Promise<string>;
  /** The public halves. */
  jwks(): { readonly keys: readonly object[] };
}

interface Pair {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

const signing = promisify(signData);

export async function createBenchKeys(): Promise<BenchKeys> {
  const generate = promisify(generateKeyPair);
  const [RS256, ES256] = await Promise.all([generate("rsa", { modulusLength: 2048 }), generate("ec", { namedCurve: "P-256" })]);
  const pairs: Readonly<Record<BenchAlgorithm, Pair>> = { RS256, ES256 };
  const headers = Object.fromEntries(benchAlgorithms.map((alg) => [alg, encoded({ alg, typ: "JWT", kid: kidOf(alg) })]));

  return {
    async sign(claims, algorithm) {
      const signed = `${headers[algorithm]}.${encoded(claims)}`;
      const signature = await signing("sha256", Buffer.from(signed), { key: pairs[algorithm].privateKey, dsaEncoding: "ieee-p1363" });
      return `${signed}.${signature.toString("base64url")}`;
    },
    jwks: () => ({
      keys: benchAlgorithms.map((alg) => ({ ...pairs[alg].publicKey.export({ format: "jwk" }), kid: kidOf(alg), alg, use: "sig" })),
    }),
  };
}

function kidOf(algorithm: BenchAlgorithm): string {
  return `bench-${algorithm.toLowerCase()}`;
}

function encoded(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}
