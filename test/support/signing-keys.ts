// Real key pairs of a made-up issuer: signs what a test wants signed, publishes the public halves.

import { exportJWK, generateKeyPair, type JWK, type JWTPayload, SignJWT } from "jose";

export type SigningAlgorithm = "RS256" | "ES256";

export interface SignOptions {
  readonly alg?: SigningAlgorithm;
  /** Default: `at+jwt`. */
  readonly typ?: string;
  /** Default: the key's own. */
  readonly kid?: string;
}

export interface SigningKeys {
  /** Signs exactly these claims. */
  sign(claims: JWTPayload, options?: SignOptions): Promise<string>;
  /** The public halves of the keys in use. */
  jwks(): { readonly keys: readonly JWK[] };
  kidOf(alg: SigningAlgorithm): string;
  /** New keys with new ids; the old ones are gone. */
  rotate(): Promise<void>;
}

interface Pair {
  readonly kid: string;
  readonly privateKey: CryptoKey;
  readonly publicJwk: JWK;
}

export async function createSigningKeys(prefix = "key"): Promise<SigningKeys> {
  let generation = 0;
  let pairs = await makePairs();

  async function makePairs(): Promise<Record<SigningAlgorithm, Pair>> {
    generation += 1;
    const [RS256, ES256] = await Promise.all([makePair("RS256"), makePair("ES256")]);
    return { RS256, ES256 };
  }

  async function makePair(alg: SigningAlgorithm): Promise<Pair> {
    const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
    const kid = `${prefix}-${generation}-${alg.toLowerCase()}`;
    return { kid, privateKey, publicJwk: { ...(await exportJWK(publicKey)), kid, alg, use: "sig" } };
  }

  return {
    sign: (claims, { alg = "RS256", typ = "at+jwt", kid = pairs[alg].kid } = {}) =>
      new SignJWT(claims).setProtectedHeader({ alg, typ, kid }).sign(pairs[alg].privateKey),
    jwks: () => ({ keys: [pairs.RS256.publicJwk, pairs.ES256.publicJwk] }),
    kidOf: (alg) => pairs[alg].kid,
    rotate: async () => {
      pairs = await makePairs();
    },
  };
}
