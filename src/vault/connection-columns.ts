// The sealed columns of a connection's row: what stands in them is bound to connection, client, provider, account, generation and column,
// so that nothing opens in another place. What does not open was not written here, or under a key that is gone.

import type { TokenSet } from "../exchange/tokens.ts";
import type { MasterKey } from "../sealing/master-keys.ts";
import { createSealer } from "../sealing/sealer.ts";
import type { OnAlarm } from "../sealing/tamper-alarm.ts";
import type { ConnectionRow } from "../store/connection-rows.ts";
import { decodeFamilyAnswer, encodeFamilyAnswer } from "../store/family-answer.ts";
import { associatedData, sealedColumns } from "../store/sealed-columns.ts";
import { type ConnectionGrant, decodeConnectionGrant, encodeConnectionGrant } from "./connection-grant.ts";

const { connectionGrant, connectionTokens } = sealedColumns;

/** What a sealed column is bound to. */
export type ConnectionPlace = Pick<ConnectionRow, "id" | "client_id" | "provider" | "account_id" | "generation">;

/** What the two columns hold together. */
export interface ConnectionContents {
  readonly grant: ConnectionGrant;
  /** Without the refresh token, which is the grant's. */
  readonly tokens: TokenSet;
}

export interface ConnectionColumns {
  seal(place: ConnectionPlace, contents: ConnectionContents): Pick<ConnectionRow, "sealed_grant" | "sealed_tokens">;
  /** Undefined, and an alarm: it was tampered with, or its key was taken out. */
  openGrant(row: ConnectionRow): ConnectionGrant | undefined;
  /** As above. */
  open(row: ConnectionRow): ConnectionContents | undefined;
}

/** The first key seals, all of them open. */
export function createConnectionColumns(keys: readonly MasterKey[], onAlarm: OnAlarm): ConnectionColumns {
  const sealers = { grant: createSealer(keys, connectionGrant.purpose), tokens: createSealer(keys, connectionTokens.purpose) };

  function openGrant(row: ConnectionRow): ConnectionGrant | undefined {
    const bytes = row.sealed_grant === null ? undefined : sealers.grant.open(row.sealed_grant, associatedData(connectionGrant, row));
    return read(bytes, decodeConnectionGrant);
  }

  function read<T>(bytes: Uint8Array | undefined, decode: (bytes: Uint8Array) => T | undefined): T | undefined {
    const value = bytes === undefined ? undefined : decode(bytes);
    if (value === undefined) onAlarm({ kind: "unreadable", store: "connections" });
    return value;
  }

  return {
    seal: (place, { grant, tokens }) => ({
      sealed_grant: sealers.grant.seal(encodeConnectionGrant(grant), associatedData(connectionGrant, place)),
      sealed_tokens: sealers.tokens.seal(encodeFamilyAnswer(tokens), associatedData(connectionTokens, place)),
    }),
    openGrant,
    open(row) {
      const grant = openGrant(row);
      if (grant === undefined) return undefined;
      const bytes = row.sealed_tokens === null ? undefined : sealers.tokens.open(row.sealed_tokens, associatedData(connectionTokens, row));
      const tokens = read(bytes, decodeFamilyAnswer);
      return tokens === undefined ? undefined : { grant, tokens };
    },
  };
}
