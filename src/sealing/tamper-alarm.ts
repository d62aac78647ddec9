// The alarm for stored values that this service cannot have written where they were found. It carries no byte of the value
// and no key: who listens logs and counts it.

export interface TamperAlarm {
  readonly kind: "unreadable" | "implausible";
  /** Which store the value was read from. */
  readonly store:
    | "verifications"
    | "exchanges"
    | "states"
    | "revocations"
    | "families"
    | "signing_keys"
    | "accounts"
    | "connections"
    | "spool";
}

export type OnAlarm = (alarm: TamperAlarm) => void;
