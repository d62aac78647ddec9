// Handle families as a test wires them: over connections in a real vault, or over sessions, with a clock that stands still. Both are asked
// in one way, and both remember what they were shown.

import { expect } from "vitest";
import type { HeldGrant, RefreshHandles } from "../../src/exchange/handle-ports.ts";
import type { Revocation } from "../../src/exchange/ports.ts";
import { ExchangeError } from "../../src/exchange/errors.ts";
import { Secret } from "../../src/exchange/secret.ts";
import type { SendRefresh } from "../../src/exchange/vault-ports.ts";
import type { RefreshedTokens, TokenSet } from "../../src/exchange/tokens.ts";
import type { Database } from "../../src/store/database.ts";
import { createHandleFamilies } from "../../src/store/handle-families.ts";
import { type FrozenClock, frozenClock, masterKey } from "../cache/fixtures.ts";
import { refusal } from "../exchange/fixtures.ts";
import { accessToken } from "../exchange/one-time-upstream.ts";
import { type FakeProvider, fakeProvider } from "../vault/fake-provider.ts";
import { createVaultRig, type ProcessOptions, type VaultProcess, type VaultRig } from "../vault/vault-rig.ts";

export const idleMs = 86_400_000;

/** What a family stands for. */
export type Behind = "connection" | "session";
export const eachBehind = ["connection", "session"] as const;

/** That which answers for it: the connection's provider, or the session's origin. */
export interface Origin {
  /** Every refresh token, or session, that arrived, in order. */
  readonly presented: string[];
  /** The next call arrives, and comes to this. */
  fails(how: () => TokenSet | Promise<TokenSet>): void;
  /** The next call waits for `answer`, once it has arrived. */
  hold(): { readonly arrived: Promise<void>; answer(): void };
}

export interface ReplicaOptions extends ProcessOptions {
  /** Runs whenever access tokens are about to be revoked. */
  readonly beforeRevoking?: () => Promise<void>;
}

export interface Replica extends RefreshHandles {
  readonly vault: VaultProcess;
}

export interface FamilyRig {
  readonly clock: FrozenClock;
  readonly origin: Origin;
  /** Of connections. */
  readonly provider: FakeProvider;
  readonly revoked: Revocation[];
  readonly alarms: string[];
  readonly vaults: VaultRig;
  /** One more replica over this database. */
  replica(database: Database, given?: ReplicaOptions): Replica;
  /** Of a sign-in of this client; default: `web`, and nobody's account. */
  issue(replica: Replica, given?: { readonly clientId?: string; readonly accountId?: string }): Promise<Secret>;
  /** Finds and rotates, as a refresh does. @param send to the provider of a connection; default: as it answers */
  use(replica: Replica, handle: Secret, how?: { readonly signal?: AbortSignal; readonly send?: SendRefresh }): Promise<TokenSet>;
  /** One that was found is rotated. */
  rotate(replica: Replica, grant: HeldGrant, how?: { readonly signal?: AbortSignal; readonly send?: SendRefresh }): Promise<TokenSet>;
  /** Tokens as the next answer has them, made by a test. */
  tokens(number: number): TokenSet;
}

export const client = "web";
export const session = "the-session-of-alice";
const minted = { audience: "backend", scopes: ["orders:read"], from: "cookie" } as const;

export function createFamilyRig(behind: Behind = "connection"): FamilyRig {
  const clock = frozenClock();
  const jwt = (number: number) => accessToken(`access-${number}`, Math.floor(clock() / 1_000) + 300);
  const provider = fakeProvider(clock, { accessToken: jwt });
  const vaults = createVaultRig(clock, provider);
  const sessions = fakeSessions((number) => tokens(number));
  const revoked: Revocation[] = [];
  const alarms: string[] = [];
  let replicas = 0;

  function tokens(number: number): TokenSet {
    return {
      accessToken: jwt(number),
      tokenType: "Bearer",
      expiresAtMs: clock() + 300_000,
      refreshToken: undefined,
      idToken: undefined,
      scopes: ["orders:read"],
      issuer: "https://issuer.example",
      subject: "alice",
      ...(behind === "session" ? { ours: true } : {}),
    };
  }

  const rotate: FamilyRig["rotate"] = async ({ vault }, grant, { signal = AbortSignal.timeout(10_000), send = provider.send } = {}) => {
    switch (grant.kind) {
      case "token":
        throw new Error("with a database no handle is a token");
      case "session":
        return grant.rotate(sessions.read, signal);
      case "connection":
        return grant.rotate(async (beyond) => {
          const connection = await vault.connections.findOfHandle(grant.id);
          if (connection === undefined) throw new ExchangeError("REAUTHENTICATION_REQUIRED");
          const live = await connection.tokens({ issuer: "https://issuer.example", beyond, send, lostAnswer: "reauthenticate" }, signal);
          return { ...live.tokens, refreshToken: undefined, connection: { id: grant.id, generation: live.generation } };
        }, signal);
    }
  };

  return {
    clock,
    origin: behind === "connection" ? provider : sessions,
    provider,
    revoked,
    alarms,
    vaults,
    tokens,
    rotate,
    replica(database, { beforeRevoking, ...options } = {}) {
      replicas += 1;
      const vault = vaults.process(database, { spool: `replica-${replicas}`, ...options });
      const { keys = [masterKey("a")], wait } = options;
      const families = createHandleFamilies(
        {
          database,
          keys,
          clock,
          connections: vault.connections,
          async revokeTokens(ended) {
            await beforeRevoking?.();
            revoked.push(...ended);
          },
          onAlarm: ({ kind, store }) => alarms.push(`${store} ${kind}`),
          ...(wait === undefined ? {} : { wait }),
        },
        { idleMs },
      );
      return { ...families, vault };
    },
    async issue(replica, { clientId = client, accountId } = {}) {
      if (behind === "session") return replica.issue(clientId, "main", { ...sessions.give(), refreshToken: new Secret(session), minted });
      const given = provider.give();
      const keeping = { clientId, provider: "main", accountId, byId: false, tokens: given, issue: undefined };
      const connection = await replica.vault.connections.keep(keeping);
      return replica.issue(clientId, "main", { ...given, refreshToken: undefined, connection });
    },
    use: async (replica, handle, how) => rotate(replica, await held(replica, handle), how),
  };
}

function fakeSessions(make: (number: number) => TokenSet): Origin & { read(shown: Secret): Promise<TokenSet>; give(): TokenSet } {
  const presented: string[] = [];
  const instead: (() => TokenSet | Promise<TokenSet>)[] = [];
  let number = 0;
  function give(): TokenSet {
    number += 1;
    return make(number);
  }
  return {
    presented,
    give,
    fails: (how) => void instead.push(how),
    async read(shown) {
      presented.push(shown.reveal());
      return (instead.shift() ?? give)();
    },
    hold() {
      const [arrived, released] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      instead.push(async () => {
        arrived.resolve();
        await released.promise;
        return give();
      });
      return { arrived: arrived.promise, answer: released.resolve };
    },
  };
}

/** @throws where it is not found */
export async function held(handles: RefreshHandles, handle: Secret): Promise<HeldGrant> {
  const grant = await handles.find(client, handle);
  if (grant === undefined) throw new ExchangeError("REAUTHENTICATION_REQUIRED");
  return grant;
}

export function handleIn(tokens: RefreshedTokens): Secret {
  if (tokens.refreshToken === undefined) throw new Error("no handle came");
  return tokens.refreshToken;
}

/** The origin's own word that what it was shown is over. */
export function refusedUpstream(): ExchangeError {
  return new ExchangeError("REAUTHENTICATION_REQUIRED", { cause: { kind: "upstream", endpoint: "token", oauthError: "invalid_grant" } });
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
