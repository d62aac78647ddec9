// Refresh handles that rotate: each is good for one refresh and is replaced by its successor, all of one family. Of two who hold
// the same family the second is noticed, and ends it for both. How one generation becomes the next is family-rotation.ts.

import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { type Circumstance, ExchangeError } from "../exchange/errors.ts";
import type { HeldGrant, HeldTokens, RefreshHandles } from "../exchange/handle-ports.ts";
import type { Clock } from "../exchange/ports.ts";
import type { Secret } from "../exchange/secret.ts";
import type { Connection, Connections } from "../exchange/vault-ports.ts";
import type { MasterKey } from "../sealing/master-keys.ts";
import type { OnAlarm } from "../sealing/tamper-alarm.ts";
import type { Database } from "./database.ts";
import { createFamilyColumns, type FamilyPlace } from "./family-columns.ts";
import { createFamilyEnding, type EndingDeps } from "./family-ending.ts";
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
  /** What handles stand for where it is no session; it ends with them. */
  readonly connections: Pick<Connections, "findOfHandle">;
  readonly random?: (size: number) => Uint8Array;
  /** Waits between tries of a write. */
  readonly wait?: (ms: number) => Promise<void>;
}

export function createHandleFamilies(deps: HandleFamilyDeps, options: RotationOptions): RefreshHandles {
  const { database, clock, random = randomBytes, wait = (ms) => sleep(ms, undefined, { ref: false }) } = deps;
  const handles = createFamilyHandles(deps.keys);
  const columns = createFamilyColumns(deps.keys, deps.onAlarm);
  const ending = createFamilyEnding(deps);
  const write = createWriter(wait);
  const rotation = createFamilyRotation({ database, handles, columns, ending, clock }, options);

  async function found(clientId: string, handle: Secret): Promise<Found | undefined> {
    const shown = handles.read(clientId, handle);
    const row = shown === undefined ? undefined : await readFamily(database, shown.id);
    return shown === undefined || row === undefined ? undefined : { shown, row };
  }

  function held({ shown, row }: Found): HeldGrant | undefined {
    const grant = columns.openGrant(row);
    if (grant === undefined) return undefined;
    const { provider } = row;
    if (grant.kind === "connection")
      return { kind: "connection", provider, id: grant.connection.id, rotate: (renew, signal) => rotation.follow(shown, renew, signal) };
    const { subject, minted } = grant;
    return { kind: "session", provider, subject, minted, rotate: (renew, signal) => rotation.renew(shown, renew, signal) };
  }

  /** @returns the refresh token that the provider has to hear of */
  async function endAll(row: FamilyRow, reason: "revoked" | "reused"): Promise<Secret | undefined> {
    // The family last: until it is marked, whoever shows the same handle again goes on from here. One that has ended already is told
    // upstream again: the answer of whoever ended it may have been lost.
    const refreshToken = await (await connectionOf(row))?.end("revoked");
    await ending.end(row, reason);
    return refreshToken;
  }

  /** Undefined: it stands for a session, which is its origin's to end. */
  async function connectionOf(row: FamilyRow): Promise<Connection | undefined> {
    const grant = columns.openGrant(row);
    return grant?.kind === "connection" ? deps.connections.findOfHandle(grant.connection.id) : undefined;
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
        used_at: null,
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
          return held(at);
        case "reused":
          await endAll(row, "reused");
          throw new ExchangeError("REAUTHENTICATION_REQUIRED", { cause: { kind: "handle", problem: "reused" } satisfies Circumstance });
        case "ahead":
          // What is kept of it was spent before the database was set back: it is shown to nobody any more.
          await (await connectionOf(row))?.end("in_doubt");
          await ending.lapse(row, "set_back");
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

function grantOf({ subject, refreshToken, ...tokens }: HeldTokens): FamilyGrant {
  if (tokens.connection !== undefined) return { kind: "connection", subject, connection: tokens.connection };
  const { minted } = tokens;
  // A provider's refresh token is a connection's to keep.
  if (refreshToken === undefined || minted === undefined) throw new Error("with a database a handle stands for a connection or a session");
  return { kind: "session", session: refreshToken, subject, minted };
}

interface Found {
  readonly shown: FamilyHandle;
  readonly row: FamilyRow;
}
