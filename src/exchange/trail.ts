// What an operation notes about a call on its way, for the log and the audit trail. Notes are facts that were decided or verified;
// they decide nothing themselves. The one thing here that can fail is the intent, without which nothing is issued.

import type { Decision } from "./decision.ts";
import { ExchangeError } from "./errors.ts";
import type { Secret } from "./secret.ts";

/** What is known about a call so far; a later note adds to the earlier ones. */
export interface TrailNotes {
  /** Configured name. */
  readonly provider?: string;
  /** The credential that the call is about; written down as a keyed hash only. */
  readonly credential?: Secret;
  /** For whom: issuer and subject of a verified token. */
  readonly issuer?: string;
  readonly subject?: string;
  /** The provider's client that the token was issued to. */
  readonly originClient?: string;
  /** Who acts for the subject in the new token, and whose word that is. */
  readonly actor?: string;
  readonly actorIssuer?: string;
  /** `jti` of the token that was issued here. */
  readonly issued?: string;
  /** Configured name. */
  readonly audience?: string;
  readonly scopes?: readonly string[];
  /** Id of the connection that it is about: one that was found, and is the caller's to name. */
  readonly connection?: string;
  /** Configured names of the audiences that a new token is for. */
  readonly targets?: readonly string[];
  /** The rule of the configuration that decided, by its path there. */
  readonly rule?: string;
  /** Report-only rules that would have refused. */
  readonly reported?: readonly string[];
}

/** Who answers for failures at a provider: a service; or a public client and the address that speaks for it. */
export interface Payer {
  readonly client: string;
  /** Undefined for services: they have proved themselves, wherever they call from. */
  readonly address: string | undefined;
}

export interface Trail {
  readonly payer: Payer;
  note(notes: TrailNotes): void;
  /**
   * Puts on record, durably, that something is about to be issued or ended.
   * @throws ExchangeError AUDIT_UNAVAILABLE
   */
  intent(): Promise<void>;
}

/** The same call's, for what it is not about: nothing is noted. Written out, as a trail need not have its members of its own to copy. */
export function quiet(trail: Trail): Trail {
  return { payer: trail.payer, note: () => undefined, intent: () => trail.intent() };
}

/**
 * Notes what policy said, and stops the call where it said no.
 * @throws ExchangeError with the refusal's reason
 */
export function permit(decision: Decision, trail: Trail): void {
  const { rule, refusal, reported } = decision;
  trail.note(reported.length === 0 ? { rule } : { rule, reported: reported.map((one) => one.rule) });
  if (refusal === undefined) return;
  const { reason, field } = refusal;
  throw new ExchangeError(reason, { ...(field === undefined ? {} : { field }), cause: { kind: "policy", rule } });
}
