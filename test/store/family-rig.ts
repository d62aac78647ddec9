// Handle families as a test wires them: a clock that stands still, a provider whose refresh tokens are good for one use and which
// remembers what it was shown, and what was revoked. The provider is the `send` of each rotation.

import { expect } from "vitest";
import type { HeldGrant, RefreshHandles } from "../../src/exchange/handle-ports.ts";
import type { Clock, Revocation } from "../../src/exchange/ports.ts";
import { ExchangeError } from "../../src/exchange/errors.ts";
import { Secret } from "../../src/exchange/secret.ts";
import type { TokenSet } from "../../src/exchange/tokens.ts";
import type { MasterKey } from "../../src/sealing/master-keys.ts";
import type { Database } from "../../src/store/database.ts";
import { createHandleFamilies } from "../../src/store/handle-families.ts";
import { type FrozenClock, frozenClock, masterKey } from "../cache/fixtures.ts";
import { refusal } from "../exchange/fixtures.ts";

export const idleMs = 86_400_000;
export const upstreamLimitMs = 20_000;
/** Longer than any claim is believed. */
export const longDeadMs = 600_000;

export interface FakeUpstream {
  /** Every refresh token that arrived, in order. */
  readonly shown: string[];
  /** Answers with the next tokens, where this is the token of the last answer. */
  readonly send: (refreshToken: Secret) => Promise<TokenSet>;
  /** What the next calls come to instead, in order. */
  readonly instead: ((refreshToken: Secret) => Promise<TokenSet>)[];
  /** The next call waits for `answer`, once it has arrived. */
  hold(): { readonly arrived: Promise<void>; answer(): void };
}

const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");

/** A token as validation takes it, unsigned: nothing here verifies it. */
export function accessToken(id: string, expiresAt: number): Secret {
  return new Secret(`${part({ alg: "RS256" })}.${part({ jti: id, exp: expiresAt })}.c2ln`);
}

export function tokenSet(number: number, clock: Clock): TokenSet & { readonly refreshToken: Secret } {
  const expiresAt = Math.floor(clock() / 1_000) + 300;
  return {
    accessToken: accessToken(`access-${number}`, expiresAt),
    tokenType: "Bearer",
    expiresAtMs: expiresAt * 1_000,
    refreshToken: new Secret(`upstream-${number}`),
    idToken: undefined,
    scopes: ["openid", "orders:read"],
    issuer: "https://issuer.example",
    subject: "alice",
  };
}

function fakeUpstream(clock: Clock): FakeUpstream {
  const shown: string[] = [];
  const instead: FakeUpstream["instead"] = [];
  let last = 0;

  function answer(refreshToken: Secret): TokenSet {
    if (refreshToken.reveal() !== `upstream-${last}`) throw new ExchangeError("REAUTHENTICATION_REQUIRED");
    last += 1;
    return tokenSet(last, clock);
  }

  return {
    shown,
    instead,
    async send(refreshToken) {
      shown.push(refreshToken.reveal());
      const other = instead.shift();
      return other === undefined ? answer(refreshToken) : other(refreshToken);
    },
    hold() {
      const [arrived, released] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      instead.push(async (refreshToken) => {
        arrived.resolve();
        await released.promise;
        return answer(refreshToken);
      });
      return { arrived: arrived.promise, answer: released.resolve };
    },
  };
}

export interface ReplicaOptions {
  readonly keys?: readonly MasterKey[];
  readonly wait?: (ms: number) => Promise<void>;
  /** Runs whenever access tokens are about to be revoked. */
  readonly beforeRevoking?: () => Promise<void>;
}

export interface FamilyRig {
  readonly clock: FrozenClock;
  readonly upstream: FakeUpstream;
  readonly revoked: Revocation[];
  readonly alarms: string[];
  /** One more replica over this database. */
  replica(database: Database, given?: ReplicaOptions): RefreshHandles;
  /** Finds and rotates, as a refresh does. */
  use(handles: RefreshHandles, handle: Secret, signal?: AbortSignal): Promise<TokenSet>;
  issue(handles: RefreshHandles): Promise<Secret>;
}

export const client = "web";

export function createFamilyRig(): FamilyRig {
  const clock = frozenClock();
  const upstream = fakeUpstream(clock);
  const revoked: Revocation[] = [];
  const alarms: string[] = [];
  return {
    clock,
    upstream,
    revoked,
    alarms,
    replica: (database, { keys = [masterKey("a")], wait, beforeRevoking } = {}) =>
      createHandleFamilies(
        {
          database,
          keys,
          clock,
          async revokeTokens(tokens) {
            await beforeRevoking?.();
            revoked.push(...tokens);
          },
          onAlarm: ({ kind, store }) => alarms.push(`${store} ${kind}`),
          ...(wait === undefined ? {} : { wait }),
        },
        { idleMs, upstreamLimitMs: () => upstreamLimitMs },
      ),
    async use(handles, handle, signal = AbortSignal.timeout(10_000)) {
      return (await held(handles, handle)).rotate(upstream.send, signal);
    },
    issue: (handles) => handles.issue(client, "main", tokenSet(0, clock)),
  };
}

/** @throws where it is not found */
export async function held(handles: RefreshHandles, handle: Secret): Promise<HeldGrant> {
  const grant = await handles.find(client, handle);
  if (grant === undefined) throw new ExchangeError("REAUTHENTICATION_REQUIRED");
  return grant;
}

export function handleIn(tokens: TokenSet): Secret {
  if (tokens.refreshToken === undefined) throw new Error("no handle came");
  return tokens.refreshToken;
}

export const over = refusal("REAUTHENTICATION_REQUIRED");
export const reused = refusal("REAUTHENTICATION_REQUIRED", { cause: { kind: "handle", problem: "reused" } });

/** Of what is only over, and no sign of a thief. */
export async function expectOver(attempt: Promise<unknown>): Promise<void> {
  const failure: unknown = await attempt.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(failure).toEqual(over);
  expect((failure as ExchangeError).cause).toBeUndefined();
}
