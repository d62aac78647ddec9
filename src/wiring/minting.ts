// Part of the composition root: tokens of this service's own, issued and verified. The keys stay over all editions; which audience has
// which secret, claims and life is each edition's.

import { createSecretKey, type KeyObject, randomUUID } from "node:crypto";
import type { Configuration } from "../config/schema.ts";
import type { Decide } from "../exchange/decision.ts";
import { createMint, type Mint } from "../exchange/mint.ts";
import { ownProvider } from "../exchange/minting.ts";
import { type SigningAlgorithm, signingAlgorithms } from "../exchange/minting-ports.ts";
import type { AccessTokenVerifier, Clock } from "../exchange/ports.ts";
import { createAccessTokenVerifier } from "../keys/access-token-verifier.ts";
import type { Policy } from "../policy/compile.ts";
import { ownTokenRulesOf } from "../policy/token-rules.ts";
import type { Signing } from "./signing.ts";

export interface MintingParts {
  /** This service's own, as it was at the start. */
  readonly issuer: string | undefined;
  readonly signing: Signing;
  readonly clock: Clock;
}

export function wireMint(configuration: Configuration, { minting }: Policy, parts: MintingParts & { readonly decide: Decide }): Mint {
  const { issuer, signing, clock, decide } = parts;
  return createMint({ minting, decide, signer: signing.signerWith(sharedSecrets(configuration)), issuer, clock, freshId: randomUUID });
}

/** Undefined: this service has no name, so nothing bears it. */
export function wireOwnVerifier({ issuer, signing, clock }: MintingParts): AccessTokenVerifier | undefined {
  if (issuer === undefined) return undefined;
  return createAccessTokenVerifier(
    { keySet: signing.keySet, clock },
    {
      provider: ownProvider,
      ...ownTokenRulesOf(issuer),
      algorithms: signingAlgorithms,
      denyKeyIds: [],
      keySource: "",
      ours: { isEnded: (keyId) => signing.isEnded(keyId) },
    },
  );
}

/** Those that audiences name: there must be a published key for each. */
export function mintedAlgorithms({ audiences }: Configuration): readonly SigningAlgorithm[] {
  const named = new Set<string | undefined>(Object.values(audiences).map(({ mint }) => mint?.algorithm));
  return signingAlgorithms.filter((algorithm) => named.has(algorithm));
}

function sharedSecrets({ audiences }: Configuration): ReadonlyMap<string, KeyObject> {
  return new Map(
    Object.entries(audiences).flatMap(([name, { mint }]) =>
      mint?.secret === undefined ? [] : [[name, createSecretKey(Buffer.from(mint.secret.reveal()))] as const],
    ),
  );
}
