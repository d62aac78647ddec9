// What `cambio connections` says: a table of connections or a JSON line for each, and what came of an order. It decides nothing.

import { asciiJson } from "../audit/ascii-json.ts";
import type { ListedConnection } from "../store/connection-list.ts";
import type { RefreshAnswer, RevokeAnswer } from "../vault/connection-orders.ts";
import { aligned, cell, instant } from "./columns.ts";

export const connectionsUsage = `Usage: cambio connections COMMAND

  list [CONFIG]          whose tokens are kept: id, client, provider, account, state, and when; no token is read for that
    --provider NAME        at that provider only
    --client ID            of that client only
    --account ID           of that account only
    --ended                those that have ended as well
    --after ID             those behind that id: the list is in the order of ids
    --limit N              at most so many, 1 to 1000. Default: 50
    --json                 a JSON object on each line
  refresh ID [CONFIG]    makes it due, and waits for what becomes of that: a running service refreshes it
    --wait SECONDS         no longer than so, 0 to 600. Default: 30
  revoke ID [CONFIG]     ends it: nothing is issued from it any more. Its provider is told by a running service

States: kept (a client names it by its id), handle (a refresh handle stands for it), or why it has ended: revoked, rejected (its provider
refuses its tokens), in_doubt (the answer of a refresh was lost), idle (nobody used it).
Access tokens that came out of a connection are good until they expire: see cambio revoke for those. No order is in the audit trail.
`;

export interface Said {
  readonly status: number;
  readonly text: string;
}

const headings = ["ID", "CLIENT", "PROVIDER", "ACCOUNT", "STATE", "CREATED", "REFRESHED", "USED", "DUE", "ENDS"];

export function table(connections: readonly ListedConnection[]): string {
  return aligned([headings, ...connections.map(row)]);
}

function row(connection: ListedConnection): readonly string[] {
  const { id, client_id: client, provider, account_id: account, created_at: created, refreshed_at: refreshed } = connection;
  const times = [created, refreshed, connection.used_at, connection.due_at, connection.ended_at ?? connection.expires_at];
  return [...[id, client, provider, account, stateOf(connection)].map(cell), ...times.map((ms) => instant(ms) ?? "-")];
}

function stateOf({ kept, ended_at: endedAt, ended_reason: reason }: ListedConnection): string {
  if (endedAt !== null) return reason ?? "ended";
  return kept === 1 ? "kept" : "handle";
}

export function jsonLines(connections: readonly ListedConnection[]): string {
  return connections.map((connection) => `${asciiJson(jsonOf(connection))}\n`).join("");
}

function jsonOf(connection: ListedConnection): object {
  const { id, client_id: client, provider, account_id: account, generation } = connection;
  const { created_at: createdAt, refreshed_at: refreshedAt, used_at: usedAt, due_at: dueAt, ended_at: endedAt } = connection;
  const [created, refreshed, used, due, ended] = [createdAt, refreshedAt, usedAt, dueAt, endedAt].map((ms) => instant(ms) ?? null);
  const times = { created, refreshed, used, due, ended, expires: instant(connection.expires_at) ?? null };
  return { id, client, provider, account: account === "" ? null : account, state: stateOf(connection), generation, ...times };
}

const unknown: Said = { status: 1, text: "there is no such connection: look at cambio connections list\n" };

export function saidOfRefresh(answer: RefreshAnswer): Said {
  switch (answer.kind) {
    case "refreshed":
      return { status: 0, text: `refreshed: it has its generation ${answer.generation} of tokens\n` };
    case "ended":
      return { status: 1, text: `it has ended (${answer.reason}): only a new sign-in helps\n` };
    case "waiting":
      return { status: 1, text: "it is due, and was not refreshed yet: does a service run, and what does its log say of the provider?\n" };
    case "handle":
      return { status: 1, text: "a refresh handle stands for it: whoever has that refreshes it\n" };
    case "unknown":
      return unknown;
  }
}

export function saidOfRevocation(answer: RevokeAnswer): Said {
  switch (answer.kind) {
    case "told":
      return { status: 0, text: "revoked: nothing is issued from it any more. A running service tells its provider\n" };
    case "untold":
      return {
        status: 0,
        text: "revoked: nothing is issued from it any more. There is no refresh token that its provider could be told of\n",
      };
    case "ended_before":
      return { status: 1, text: `it has ended before (${answer.reason})\n` };
    case "busy":
      return { status: 1, text: "it is being refreshed again and again: try again\n" };
    case "unknown":
      return unknown;
  }
}
