// PKCE (RFC 7636) and state: how verifiers, challenges and states look, and how they are made.

import { Secret } from "./secret.ts";

export interface Pkce {
  /** 256 random bits, base64url: 43 characters. */
  random(): string;
  newVerifier(): Secret;
  /** S256 (RFC 7636 §4.2). */
  challengeOf(verifier: Secret): Promise<string>;
}

/** @param randomBytes a source of cryptographic randomness */
export function createPkce(randomBytes: (count: number) => Uint8Array): Pkce {
  const random = () => Buffer.from(randomBytes(32)).toString("base64url");
  return {
    random,
    newVerifier: () => new Secret(random()),
    challengeOf: async (verifier) => {
      const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier.reveal()));
      return Buffer.from(digest).toString("base64url");
    },
  };
}

/** RFC 7636 §4.1. */
export function isVerifier(text: string): boolean {
  return /^[A-Za-z0-9._~-]{43,128}$/.test(text);
}

/** A SHA-256 in base64url; the last character of 32 bytes can only be one of sixteen. */
export function isChallenge(text: string): boolean {
  return /^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/.test(text);
}

// The prefix tells our states from those that a client made for itself, which only that client can check.
const statePrefix = "cambio_st_";

export function newState(pkce: Pkce): string {
  return statePrefix + pkce.random();
}

export function isOurState(state: string): boolean {
  return state.startsWith(statePrefix);
}
