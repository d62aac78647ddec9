// Proves a service by an assertion that it signed itself (RFC 7523 §3, RFC 7521 §5.2): under a key that the configuration lists for
// that very client, for this service alone, for minutes. Whether its id was used before is asked by whoever spends it.

import type { Client } from "../exchange/clients.ts";
import type { UsedAssertions } from "../exchange/one-time-ports.ts";
import type { Clock } from "../exchange/ports.ts";
import { isText } from "../exchange/token/claim-shapes.ts";
import type { CompactToken } from "../exchange/token/compact.ts";
import { waitFor } from "../exchange/waiting.ts";
import type { SignatureAlgorithm } from "../keys/algorithms.ts";
import { createConfiguredKeys } from "./configured-keys.ts";
import { clockToleranceMs, type ProofTokenRules, verifyProofToken } from "./proof-token.ts";
import { refusedProof } from "./refused-proof.ts";

export interface AssertingService {
  readonly client: Client;
  /** Undefined: it signs none. */
  readonly assertions?:
    | {
        /** Its public keys, and nobody else's. */
        readonly jwks: readonly unknown[];
        readonly algorithms: readonly SignatureAlgorithm[];
      }
    | undefined;
}

export interface AssertionDeps {
  readonly clock: Clock;
  /** This service's own name: what `aud` must be. Undefined: there are no assertions. */
  readonly issuer: string | undefined;
  readonly usedAssertions: UsedAssertions;
}

export interface VerifiedAssertion {
  readonly client: Client;
  readonly id: string;
  readonly expiresAtMs: number;
}

export interface Assertions {
  /** @throws ExchangeError CALLER_UNAUTHENTICATED */
  verify(token: CompactToken, signal: AbortSignal): Promise<VerifiedAssertion>;
  /**
   * Uses the id up, on all replicas.
   * @throws ExchangeError CALLER_UNAUTHENTICATED (it was used before); STORE_UNAVAILABLE, DEADLINE_EXCEEDED (cannot decide)
   */
  spend(assertion: VerifiedAssertion, signal: AbortSignal): Promise<void>;
}

/** Long enough for clocks and networks, short enough that a stolen one is soon worth nothing. */
const maxLifetimeMs = 300_000;

/** Characters; UUIDs and hashes have 36 to 64. */
const maxIdLength = 256;

/** OpenID Connect's private_key_jwt has JWT or no type; the other is what newer clients say (RFC 8725 §3.11). */
const types = ["jwt", "client-authentication+jwt"];

/** @throws Error where a service has assertions and this one has no issuer, or no key of a service can check signatures */
export function createAssertions({ clock, issuer, usedAssertions }: AssertionDeps, services: readonly AssertingService[]): Assertions {
  const known = new Map(
    services.flatMap(({ client, assertions }) => {
      if (assertions === undefined) return [];
      if (issuer === undefined) throw new Error("assertions need an issuer that they are meant for");
      const { jwks, algorithms } = assertions;
      const signature = { keySet: createConfiguredKeys(jwks), rules: { algorithms, denyKeyIds: new Set<string>() } };
      const rules: ProofTokenRules = { proof: "assertion", types, audience: issuer, maxLifetimeMs, signature };
      return [[client.id, { client, rules }] as const];
    }),
  );

  return {
    async verify(token, signal) {
      const { iss, sub, jti } = token.payload;
      const service = typeof iss === "string" ? known.get(iss) : undefined;
      if (service === undefined) throw refusedProof("assertion", "unknown_issuer");
      // One that a client signs about another would let it speak as that one (RFC 7523 §3, 2.B).
      if (sub !== iss) throw refusedProof("assertion", "subject");
      if (!isText(jti) || jti.length > maxIdLength) throw refusedProof("assertion", "id");
      const expiresAtMs = await verifyProofToken(service.rules, token, { nowMs: clock(), signal });
      return { client: service.client, id: jti, expiresAtMs };
    },

    async spend({ client, id, expiresAtMs }, signal) {
      // Remembered a little longer than it lives: it still lives on a replica whose clock is behind.
      const fresh = await waitFor(usedAssertions.claim(client.id, id, expiresAtMs + clockToleranceMs), signal);
      if (!fresh) throw refusedProof("assertion", "replayed");
    },
  };
}
