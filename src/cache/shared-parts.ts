// Issuer, client, audiences and scopes are the same in thousands of tokens, and every verification brings copies of its own, as it was
// read from a token or from Redis. What is remembered has one of each in common with all others: that is a third of an entry.

import type { TokenClaims, Verification } from "../exchange/claims.ts";

/**
 * Different texts, and different lists: many times what issuers, clients and their usual scopes come to, and a tenth of what is remembered.
 * Where there are more, the next begin anew; what is remembered already keeps its own.
 */
const maxParts = 10_000;
/** Of a part's name. What is longer is not the same in thousands of tokens, and nobody counts the bytes of what is known here. */
const maxLength = 512;

type Share = (verification: Verification) => Verification;

/** The result is equal to what it is given, and may have parts in common with earlier results: nobody changes either. */
export function createSharedParts(): Share {
  const text = createPool((value: string) => value);
  const list = createPool((values: readonly string[]) => JSON.stringify(values));
  const noActors: TokenClaims["actors"] = [];
  return (verification) => {
    const { claims, revocationId } = verification;
    return {
      ...verification,
      claims: {
        ...claims,
        issuer: text(claims.issuer),
        clientId: text(claims.clientId),
        audiences: list(claims.audiences),
        scopes: list(claims.scopes),
        actors: claims.actors.length === 0 ? noActors : claims.actors,
      },
      provider: text(verification.provider),
      keyId: text(verification.keyId),
      revocationId: revocationId === claims.tokenId ? claims.tokenId : revocationId,
    };
  };
}

/** The first of those that have the same name. */
function createPool<T>(nameOf: (value: T) => string): (value: T) => T {
  const known = new Map<string, T>();
  return (value) => {
    const name = nameOf(value);
    if (name.length > maxLength) return value;
    const first = known.get(name);
    if (first !== undefined) return first;
    if (known.size >= maxParts) known.clear();
    known.set(name, value);
    return value;
  };
}
