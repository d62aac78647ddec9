// The tables as the code sees them, on either database. Instants are epoch milliseconds, in `revocations` seconds; numbers on
// both. Sealed columns are bytes that the database alone opens for nobody. How the tables came about is in migrations/.

import type { Generated } from "kysely";

/** A one-time thing that was used or is pending: a code, a state, an assertion id. */
export interface OneTimeRow {
  /** A keyed hash: whoever reads the table learns no code. */
  name: string;
  /** Who claimed it, so that a claim takes back its own mark and no other. */
  nonce: string;
  /** A pending state, sealed; null: the name alone is the mark. */
  sealed: Uint8Array | null;
  expires_at: number;
}

/** One row: the number of the last revocation. Its lock puts revocations into the order in which they are committed. */
export interface RevocationHeadRow {
  id: number;
  seq: number;
  /** Name of this log, made with the tables: replicas of another database that share a Redis do not take it for theirs. */
  log: string;
}

export interface RevocationRow {
  /** In the order of commits: a follower that knows one knows all before it. */
  seq: number;
  /** `account`: of one subject, and unlike the others replaced by what is said later. */
  kind: "token" | "subject" | "account";
  provider: string;
  /** A token's revocation id, or a subject. */
  id: string;
  /** Not with `token`: tokens issued at this instant or before are refused; epoch seconds. Null with `account`: whenever issued. */
  until: number | null;
  /** Epoch seconds. */
  expires_at: number;
}

/** A refresh handle with its successors. One row, whose generation only grows. */
export interface HandleFamilyRow {
  id: string;
  client_id: string;
  provider: string;
  /** Of the handle that may be used next. Changes by compare-and-set only. */
  generation: number;
  /** What it stands for, a connection or a session, and whose it is; sealed. */
  sealed_grant: Uint8Array;
  /** The answer that made this generation, sealed: for those who show its predecessor once more. Null: none, or no longer. */
  sealed_answer: Uint8Array | null;
  /** When somebody signed in; stays over all generations. */
  created_at: number;
  rotated_at: number;
  /** When this generation was used first, whatever became of that; null: not yet, so that its predecessor still answers. */
  used_at: number | null;
  /** Access tokens that came out of it, as JSON: they end with it. */
  tokens: string;
  ended_at: number | null;
  /** `lapsed`: what it stands for is over. `set_back`: the database has been an earlier one since. */
  ended_reason: "revoked" | "reused" | "rejected" | "lapsed" | "set_back" | null;
  expires_at: number;
}

/** A token that its provider has yet to hear is revoked. */
export interface UpstreamRevocationRow {
  id: string;
  provider: string;
  sealed_token: Uint8Array;
  hint: "access_token" | "refresh_token";
  attempts: Generated<number>;
  next_at: number;
  expires_at: number;
}

/** One of this service's own signing keys. Rows are added and ended, and otherwise never changed. */
export interface SigningKeyRow {
  /** RFC 7638. */
  kid: string;
  algorithm: string;
  /** Unique per algorithm: of replicas that make the next key at the same time one wins. */
  seq: number;
  /** As published, JSON: for whoever reads the table. What is published comes from the private key. */
  public_jwk: string;
  /** The private key, sealed. Null: it was ended, and nobody can bring it back. */
  sealed_key: Uint8Array | null;
  announced_at: number;
  activates_at: number;
  ended_at: number | null;
}

/** Somebody who signed in at a provider. */
export interface AccountRow {
  /** Random: the `sub` of tokens that are issued here. */
  id: string;
  /** Configured name. */
  provider: string;
  /** Who had that name then: under another issuer the same user id is somebody else's. */
  issuer: string;
  /** The issuer's own id of the user; unique there. */
  provider_user_id: string;
  /** What the provider said of the user last, sealed. */
  sealed_user: Uint8Array;
  created_at: number;
  updated_at: number;
  disabled_at: number | null;
}

/** A provider's tokens that are kept here. One row, whose generation only grows. */
export interface ConnectionRow {
  id: string;
  client_id: string;
  provider: string;
  /** Empty: nobody's account is known. */
  account_id: string;
  /** 1: by its id, one for each client and account. 0: a refresh handle stands for it, and nothing else does. */
  kept: number;
  /** Of the tokens. Changes by compare-and-set only. */
  generation: number;
  /** Refresh token, subject and terms, sealed. Null: it has ended, and nobody has to hear of it. */
  sealed_grant: Uint8Array | null;
  /** The other tokens as they were answered last, sealed. Null: it has ended. */
  sealed_tokens: Uint8Array | null;
  /** When somebody signed in; stays over all refreshes. */
  created_at: number;
  refreshed_at: number;
  /** When it was asked for last, with a delay of some minutes; a refresh in the background is no use. */
  used_at: number;
  /** When it is refreshed in the background; null: never. */
  due_at: number | null;
  ended_at: number | null;
  ended_reason: "revoked" | "rejected" | "in_doubt" | "idle" | null;
  /** When somebody is to be told that it needs its user again; null: nobody is, or all were told. */
  tell_at: number | null;
  expires_at: number;
}

/** The right to send a connection's refresh token once. It stays as long as its generation does, unless nothing was spent under it. */
export interface RefreshIntentRow {
  connection_id: string;
  generation: number;
  /** Unique with the two before: of those who insert the same one wins. */
  attempt: number;
  /** In which an answer will be: whoever holds that spool knows what became of it. */
  spool: string;
  /** Who may send. */
  call: string;
  created_at: number;
  /** Null: under way, or in doubt. `lost`: it may have been sent, and no answer will be found. */
  outcome: "lost" | null;
}

/** Which replica does some work in the background. It only saves work: nothing depends on that there is one. */
export interface LeaseRow {
  name: string;
  holder: string;
  until: number;
}

export interface Tables {
  one_time: OneTimeRow;
  revocation_head: RevocationHeadRow;
  revocations: RevocationRow;
  handle_families: HandleFamilyRow;
  upstream_revocations: UpstreamRevocationRow;
  signing_keys: SigningKeyRow;
  accounts: AccountRow;
  connections: ConnectionRow;
  refresh_intents: RefreshIntentRow;
  leases: LeaseRow;
}
