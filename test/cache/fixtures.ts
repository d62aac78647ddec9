// What the tests of the caches have in common: fixed keys, a frozen clock, one verification, one exchange, and waiting for a condition.

import { createSecretKey } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import type { MasterKey } from "../../src/sealing/master-keys.ts";
import type { RedisConnection } from "../../src/cache/redis-connection.ts";
import type { Verification } from "../../src/exchange/claims.ts";
import type { PendingState } from "../../src/exchange/one-time-ports.ts";
import { Secret } from "../../src/exchange/secret.ts";
import type { Exchanged } from "../../src/exchange/token-exchange-ports.ts";

export const nowMs = 1_800_000_000_000;

export function masterKey(id: string, fill = id.charCodeAt(0)): MasterKey {
  return { id, key: createSecretKey(Buffer.from(Array.from({ length: 32 }, (_, index) => (fill + index) % 256))) };
}

export interface FrozenClock {
  (): number;
  advance(ms: number): void;
}

export function frozenClock(start = nowMs): FrozenClock {
  let now = start;
  return Object.assign(() => now, {
    advance(ms: number) {
      now += ms;
    },
  });
}

export function verification(overrides: Partial<Verification> = {}, subject = "user-1"): Verification {
  return {
    claims: {
      issuer: "https://issuer.example",
      subject,
      clientId: "web",
      audiences: ["orders", "https://orders.example"],
      scopes: ["read", "write"],
      issuedAt: nowMs / 1000 - 10,
      expiresAt: nowMs / 1000 + 300,
      tokenId: "jti-1",
      actors: [{ issuer: "https://issuer.example", subject: "service-1", clientId: "batch" }],
      name: "Grüße 🦊",
      preferredUsername: "user",
      email: "user@example.com",
    },
    provider: "main",
    source: "LOCAL_KEYS",
    keyId: "kid-1",
    revocationId: "jti:jti-1",
    validUntilMs: nowMs + 60_000,
    ...overrides,
  };
}

/** With this new token. */
export function exchanged(accessToken = "header.payload.signature", overrides: Partial<Exchanged> = {}): Exchanged {
  return {
    tokens: {
      accessToken: new Secret(accessToken),
      tokenType: "Bearer",
      expiresAtMs: nowMs + 300_000,
      refreshToken: undefined,
      idToken: undefined,
      scopes: ["read"],
      issuer: "https://issuer.example",
      subject: "user-1",
    },
    verification: verification(),
    validUntilMs: nowMs + 50_000,
    ...overrides,
  };
}

export function pendingState(overrides: Partial<PendingState> = {}): PendingState {
  return {
    clientId: "backend",
    expiresAtMs: nowMs + 600_000,
    provider: "main",
    redirectUri: "https://app.example/callback",
    codeChallenge: "c".repeat(43),
    codeVerifier: new Secret("v".repeat(64)),
    nonce: "nonce-1",
    ...overrides,
  };
}

/** A copy with one bit changed. */
export function flipped(bytes: Uint8Array, bit: number): Buffer {
  const copy = Buffer.from(bytes);
  copy.writeUInt8(copy.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
  return copy;
}

/** Polls between socket events; the test's own time limit ends a wait for what never comes. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await setImmediate();
}

export async function ready(...connections: readonly RedisConnection[]): Promise<void> {
  await until(() => connections.every((connection) => connection.status() === "ready"));
}
