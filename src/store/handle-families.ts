// Refresh handles that rotate: each is good for one refresh and is replaced by its successor, all of one family. Of two who hold
// the same family the second is noticed, and ends it for both. How one generation becomes the next is family-rotation.ts.

import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { type Circumstance, ExchangeError } from "../exchange/errors.ts";
import type { HeldConnection, HeldGrant, HeldTokens, RefreshHandles } from "../exchange/handle-ports.ts";
import type { Clock } from "../exchange/ports.ts";
import type { Secret } from "../exchange/secret.ts";
import type { Connections } from "../exchange/vault-ports.ts";
import type { MasterKey } from "../sealing/master-keys.ts";
import type { OnAlarm } from "../sealing/tamper-alarm.ts";
import type { Database } from "./database.ts";
import { createFamilyClaims } from "./family-claims.ts";
import { createFamilyColumns, type FamilyPlace } from "./family-columns.ts";
import { createFamilyEnding, type EndingDeps } from "./family-ending.ts";
import { createFamilyFollowing } from "./family-following.ts";
import type { FamilyGrant } from "./family-grant.ts";
import { createFamilyHandles, type FamilyHandle, familyIdBytes } from "./family-handle.ts";
import { createFamilyRotation, type RotationOptions } from "./family-rotation.ts";
import { type FamilyRow, insertFamily, readFamily } from "./family-rows.ts";
import { standingOf } from "./family-standing.ts";
import { withToken } from "./family-tokens.ts";
import { createWriter } from "./stubborn-write.ts";

export interface HandleFamilyDeps {
  readonly database: Database;
  /** The first marks handles and seals rows, all of them are accepted. */
  readonly keys: readonly MasterKey[];
  readonly clock: Clock;
  readonly revokeTokens: EndingDeps["revokeTokens"];
  readonly onAlarm: OnAlarm;
  /** What handles may stand for; it ends with them. Absent: none do. */
  readonly connections?: Pick<Connections, "findOfHandle"> | undefined;
  readonly random?: (size: number) => Uint8Array;
  /** Waits for others, and between tries of a write. */
  readonly wait?: (ms: number) => Promise<void>;
}

/** Durations in milliseconds; see RotationOptions. */
export function createHandleFamilies(deps: HandleFamilyDeps, options: RotationOptions): RefreshHandles {
  const { database, clock, random = randomBytes, wait = (ms) => sleep(ms, undefined, { ref: false }) } = deps;
  const handles = createFamilyHandles(deps.keys);
  const columns = createFamilyColumns(deps.keys, deps.onAlarm);
  const claims = createFamilyClaims({ database, clock, wait, random });
  const ending = createFamilyEnding(deps);
  const write = createWriter(wait);
  const follow = createFamilyFollowing({ database, handles, columns, ending, clock }, options);
  const rotate = createFamilyRotation({ database, handles, columns, claims, write, ending, clock, wait }, options);

  async function found(clientId: string, handle: Secret): Promise<{ shown: FamilyHandle; row: FamilyRow } | undefined> {
    const shown = handles.read(clientId, handle);
    const row = shown === undefined ? undefined : await readFamily(database, shown.id);
    return shown === undefined || row === undefined ? undefined : { shown, row };
  }

  function held(row: FamilyRow, shown: FamilyHandle): HeldGrant | undefined {
    const grant = columns.openGrant(row);
    if (grant === undefined) return undefined;
    const issuedAt = Math.floor(row.created_at / 1_000);
    const { subject, terms, minted, connection } = grant;
    return {
      provider: row.provider,
      subject,
      issuedAt,
      terms,
      minted,
      ...(connection === undefined ? {} : { connection: followed(shown, connection.id) }),
      rotate: (send, signal) => rotate(shown, send, signal),
    };
  }

  function followed(shown: FamilyHandle, id: string): HeldConnection {
    return { id, rotate: (renew, signal) => follow(shown, renew, signal) };
  }

  /** @returns the refresh token that the provider has to hear of */
  async function endAll(row: FamilyRow, reason: "revoked" | "reused"): Promise<Secret | undefined> {
    // One that has ended already is told upstream again: the answer of whoever ended it may have been lost.
    const ended = await ending.end(row, reason);
    const grant = ended === undefined ? undefined : columns.openGrant(ended);
    const { connection, terms, minted, refreshToken } = grant ?? {};
    if (connection !== undefined) return endConnection(connection.id);
    // Out of an exchange it belongs to another registration, and a provider ends it for no other (RFC 7009 §2.1). Nobody holds it.
    // A session is its origin's to end.
    return terms === undefined && minted === undefined ? refreshToken : undefined;
  }

  async function endConnection(id: string): Promise<Secret | undefined> {
    const connection = await deps.connections?.findOfHandle(id);
    const refreshToken = await connection?.end("revoked");
    return connection?.terms === undefined ? refreshToken : undefined;
  }

  return {
    async issue(clientId, provider, tokens) {
      const nowMs = clock();
      const id = Buffer.from(random(familyIdBytes)).toString("base64url");
      const place: FamilyPlace = { id, client_id: clientId, provider, generation: 0 };
      const row: FamilyRow = {
        ...place,
        sealed_grant: columns.sealGrant(place, grantOf(tokens)),
        sealed_answer: null,
        created_at: nowMs,
        rotated_at: nowMs,
        claim: null,
        claimed_at: null,
        tokens: withToken("[]", tokens, nowMs),
        ended_at: null,
        ended_reason: null,
        expires_at: nowMs + options.idleMs,
      };
      await write(() => insertFamily(database, row));
      return handles.write(clientId, { id, generation: 0 });
    },

    async find(clientId, handle) {
      const at = await found(clientId, handle);
      if (at === undefined) return undefined;
      const { row, shown } = at;
      switch (standingOf(row, shown.generation, clock())) {
        case "current":
        case "replaced":
          return held(row, shown);
        case "reused":
          await endAll(row, "reused");
          throw new ExchangeError("REAUTHENTICATION_REQUIRED", { cause: { kind: "handle", problem: "reused" } satisfies Circumstance });
        case "ahead":
          // What it holds was spent before the database was set back.
          await ending.doubt(row);
          return undefined;
        case "gone":
          return undefined;
      }
    },

    async findToEnd(clientId, handle) {
      const at = await found(clientId, handle);
      if (at === undefined) return undefined;
      const { row } = at;
      return { provider: row.provider, subject: columns.openGrant(row)?.subject, stored: true, end: () => endAll(row, "revoked") };
    },
  };
}

function grantOf(tokens: HeldTokens): FamilyGrant {
  const { subject } = tokens;
  // Terms are the connection's to keep.
  if (tokens.refreshToken === undefined) return { refreshToken: undefined, subject, terms: undefined, connection: tokens.connection };
  const { refreshToken, terms, minted } = tokens;
  return { refreshToken, subject, terms, minted };
}
