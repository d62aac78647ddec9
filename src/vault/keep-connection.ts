// Keeping a sign-in: a row of its own or, by its id, the one of its client and account, made anew in one step with reading it. A refresh
// token that may have been spent is never carried over into a generation in which it would count as fresh.

import type { Clock } from "../exchange/ports.ts";
import { storeUnavailable } from "../exchange/store-unavailable.ts";
import type { Connections, Keeping } from "../exchange/vault-ports.ts";
import { type Change, changeKeptConnection, type ConnectionRow, insertConnection, type KeptConnection } from "../store/connection-rows.ts";
import type { Database } from "../store/database.ts";
import type { Writer } from "../store/stubborn-write.ts";
import type { ConnectionColumns, ConnectionContents } from "./connection-columns.ts";
import { afterSignIn } from "./next-tokens.ts";

const idBytes = 16;
/** Each further round means that somebody signed in first, or that it has ended, in between. */
const maxRounds = 8;
/** A refresh of the older tokens is about done by then. Whoever signs in has no older refresh token after that. */
const looksMs = [50, 100, 200, 400, 800, 1_600];

export interface KeepConnectionDeps {
  readonly database: Database;
  readonly columns: ConnectionColumns;
  readonly write: Writer;
  readonly clock: Clock;
  readonly wait: (ms: number) => Promise<void>;
  readonly random: (size: number) => Uint8Array;
}

export interface KeepConnectionOptions {
  /** A connection that was not used for so long ends. */
  readonly idleMs: number;
  /** When it is to be refreshed in the background; null: never. */
  readonly dueAtMs: (row: Pick<ConnectionRow, "provider" | "kept">, contents: ConnectionContents) => number | null;
}

type Kept = Pick<ConnectionRow, "id" | "generation">;

export function createKeepConnection(deps: KeepConnectionDeps, options: KeepConnectionOptions): Connections["keep"] {
  const { database, columns, write, clock, wait, random } = deps;

  /** Undefined: another one is there by now. */
  async function insert(keeping: Keeping, contents: ConnectionContents): Promise<Kept | undefined> {
    const { clientId, provider, accountId = "", byId } = keeping;
    const place = { id: contents.grant.signIn, client_id: clientId, provider, account_id: accountId, generation: 0, kept: byId ? 1 : 0 };
    const state = { ended_at: null, ended_reason: null, tell_at: null };
    const row: ConnectionRow = { ...place, ...columns.seal(place, contents), ...timesOf(place, contents), ...state };
    return (await insertConnection(database, row)) ? row : undefined;
  }

  function timesOf(place: Pick<ConnectionRow, "provider" | "kept">, contents: ConnectionContents) {
    const nowMs = clock();
    const dueAt = options.dueAtMs(place, contents);
    return { created_at: nowMs, refreshed_at: nowMs, used_at: nowMs, due_at: dueAt, expires_at: nowMs + options.idleMs };
  }

  /** What becomes of the one that is kept. `busy`: its refresh token is being sent, and would be needed. */
  function replaced({ row, sent }: KeptConnection, contents: ConnectionContents, isPatient: boolean): Change<Kept | "busy"> {
    const before = columns.open(row);
    // An earlier try has done it, although its outcome was not known; by now it may have been refreshed.
    if (before?.grant.signIn === contents.grant.signIn) return { next: undefined, result: row };
    const isNeeded = contents.grant.refreshToken === undefined && before?.grant.refreshToken !== undefined;
    if (isNeeded && sent === "maybe" && isPatient) return { next: undefined, result: "busy" };
    const next = afterSignIn(sent === undefined ? before : undefined, contents);
    const place = { ...row, generation: row.generation + 1 };
    return { next: { generation: place.generation, ...columns.seal(place, next), ...timesOf(row, next) }, result: place };
  }

  return async (keeping) => {
    const contents = contentsOf(keeping, Buffer.from(random(idBytes)).toString("base64url"));
    const { accountId, byId, clientId } = keeping;
    const of = byId && accountId !== undefined ? { account_id: accountId, client_id: clientId } : undefined;
    const looks = looksMs.values();
    let look = looks.next();
    for (let round = 0; round < maxRounds;) {
      const isPatient = look.done !== true;
      const found =
        of === undefined ? undefined : await write(() => changeKeptConnection(database, of, (kept) => replaced(kept, contents, isPatient)));
      if (found === "busy") {
        await wait(look.value ?? 0);
        look = looks.next();
        continue;
      }
      const kept = found ?? (await write(() => insert(keeping, contents)));
      if (kept !== undefined) return { id: kept.id, generation: kept.generation };
      round += 1;
    }
    throw storeUnavailable({ code: "BUSY", outcome: "refused" });
  };
}

function contentsOf({ tokens, issue }: Keeping, signIn: string): ConnectionContents {
  const { issuer, refreshToken, subject, terms } = tokens;
  return { grant: { signIn, issuer, refreshToken, subject, terms, issue }, tokens };
}
