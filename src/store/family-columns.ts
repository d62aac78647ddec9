// The sealed columns of a family's row: what stands in them is bound to family, client, provider, generation and column, so that
// nothing opens in another place. What does not open was not written here, or under a key that is gone.

import type { TokenSet } from "../exchange/tokens.ts";
import type { MasterKey } from "../sealing/master-keys.ts";
import { createSealer } from "../sealing/sealer.ts";
import type { OnAlarm } from "../sealing/tamper-alarm.ts";
import { decodeFamilyAnswer, encodeFamilyAnswer } from "./family-answer.ts";
import { decodeFamilyGrant, encodeFamilyGrant, type FamilyGrant } from "./family-grant.ts";
import type { FamilyRow } from "./family-rows.ts";
import { associatedData, sealedColumns } from "./sealed-columns.ts";

const { familyGrant, familyAnswer } = sealedColumns;

/** What a sealed column is bound to. */
export type FamilyPlace = Pick<FamilyRow, "id" | "client_id" | "provider" | "generation">;

export interface FamilyColumns {
  sealGrant(place: FamilyPlace, grant: FamilyGrant): Uint8Array;
  sealAnswer(place: FamilyPlace, answer: TokenSet): Uint8Array;
  /** Undefined, and an alarm: it was tampered with, or its key was taken out. */
  openGrant(row: FamilyRow): FamilyGrant | undefined;
  /** Undefined without an alarm: none is kept. Without its refresh token. */
  openAnswer(row: FamilyRow): TokenSet | undefined;
}

/** The first key seals, all of them open. */
export function createFamilyColumns(keys: readonly MasterKey[], onAlarm: OnAlarm): FamilyColumns {
  const sealers = { grant: createSealer(keys, familyGrant.purpose), answer: createSealer(keys, familyAnswer.purpose) };

  function decoded<T>(bytes: Uint8Array | undefined, decode: (bytes: Uint8Array) => T | undefined): T | undefined {
    const value = bytes === undefined ? undefined : decode(bytes);
    if (value === undefined) onAlarm({ kind: "unreadable", store: "families" });
    return value;
  }

  return {
    sealGrant: (place, grant) => sealers.grant.seal(encodeFamilyGrant(grant), associatedData(familyGrant, place)),
    sealAnswer: (place, answer) => sealers.answer.seal(encodeFamilyAnswer(answer), associatedData(familyAnswer, place)),
    openGrant: (row) => decoded(sealers.grant.open(row.sealed_grant, associatedData(familyGrant, row)), decodeFamilyGrant),
    openAnswer(row) {
      if (row.sealed_answer === null) return undefined;
      return decoded(sealers.answer.open(row.sealed_answer, associatedData(familyAnswer, row)), decodeFamilyAnswer);
    },
  };
}
