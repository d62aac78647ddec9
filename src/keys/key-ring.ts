// This service's own keys at this moment: which signs, which verify, which are published. It holds what it was last given and looks
// at the clock; nothing here asks anybody, so that no token of our own waits for a network.

import type { KeyObject } from "node:crypto";
import type { SigningAlgorithm } from "../exchange/minting-ports.ts";
import type { Clock } from "../exchange/ports.ts";
import { fitsAlgorithm, type VerificationKey } from "./import-jwk.ts";
import type { WantedKey } from "./key-index.ts";
import type { KeySet } from "./key-set.ts";
import { type OwnKeyParts, partsOf, type PublicJwk } from "./own-key.ts";
import { type ScheduledKey, stateAt, timed, type Timed } from "./signing-schedule.ts";

export interface OwnKey extends ScheduledKey {
  /** Undefined: it was ended. It still counts for when the keys before it retired. */
  readonly privateKey: KeyObject | undefined;
}

export interface ActiveKey {
  readonly kid: string;
  readonly privateKey: KeyObject;
}

export interface KeyRing {
  /** Takes the place of all keys before. `readAtMs`: when they were what the store held. */
  replace(keys: readonly OwnKey[], readAtMs: number): void;
  /** The one that signs now; undefined: there is none, or nobody knows whether it still may. */
  active(algorithm: SigningAlgorithm): ActiveKey | undefined;
  /** A JSON Web Key Set (RFC 7517 §5). */
  publicKeys(): { readonly keys: readonly PublicJwk[] };
  /** Whether what it signed is still accepted. */
  isPublished(kid: string): boolean;
  /** For the verifier of this service's own tokens. */
  readonly keySet: KeySet;
}

export interface KeyRingOptions {
  /**
   * How old what is known of the store may be before nothing is signed any more. Below that a ring goes on by what was stored ahead: a
   * key is stored long before it signs, so a replica whose database is away rotates with the others. It misses what an operator ended
   * meanwhile, and so does everybody else who cannot reach the database; but by then revocations are stale, and nothing is accepted.
   * Beyond it another replica may have let an unknown key take over, and what is signed here would be refused before its time.
   */
  readonly trustMs: number;
}

interface RingKey extends Timed<ScheduledKey>, OwnKeyParts {
  readonly privateKey: KeyObject;
  readonly kid: string;
}

export function createKeyRing(clock: Clock, { trustMs }: KeyRingOptions): KeyRing {
  /** Keys are handed over every few seconds, and are the same objects nearly always. */
  const known = new WeakMap<KeyObject, OwnKeyParts>();
  /** Key id → when it was ended. Whoever can write to the store could put such a key's row back as it was: not while this process lives. */
  const ended = new Map<string, number>();
  let keys: readonly RingKey[] = [];
  let readAtMs = -Infinity;

  function inRing({ privateKey, ...key }: Timed<OwnKey>): readonly RingKey[] {
    if (privateKey === undefined) return [];
    const parts = known.get(privateKey) ?? partsOf(privateKey, key.algorithm);
    known.set(privateKey, parts);
    return [{ ...key, ...parts, privateKey }];
  }

  const published = (): readonly RingKey[] => {
    const nowMs = clock();
    return keys.filter((key) => stateAt(key, nowMs) !== "dropped");
  };

  /** A token of ours always names its key. Announced keys verify too: a replica whose clock runs ahead signs a little early. */
  function atHand({ kid, alg }: WantedKey): VerificationKey | undefined {
    if (kid === undefined) return undefined;
    return published().find((one) => one.kid === kid && fitsAlgorithm(one.verification, alg))?.verification;
  }

  return {
    replace(given, atMs) {
      for (const { kid, endedAtMs } of given) if (endedAtMs !== undefined) ended.set(kid, endedAtMs);
      keys = timed(given.map((key) => ({ ...key, endedAtMs: ended.get(key.kid) }))).flatMap(inRing);
      readAtMs = atMs;
    },
    active(algorithm) {
      const nowMs = clock();
      if (Math.abs(nowMs - readAtMs) > trustMs) return undefined;
      return keys.find((key) => key.algorithm === algorithm && stateAt(key, nowMs) === "active");
    },
    isPublished: (kid) => published().some((key) => key.kid === kid),
    publicKeys: () => ({ keys: published().map(({ jwk }) => jwk) }),
    keySet: {
      atHand,
      async find(wanted) {
        const key = atHand(wanted);
        return key === undefined ? { kind: "unknown" } : { kind: "found", key };
      },
      async renew() {},
      async ready() {},
    },
  };
}
