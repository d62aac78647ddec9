// Answers of Cambio, remembered for as long as it says and asked for once however many requests carry the same token. Only "valid" is
// remembered: a refusal may be over in a moment, and no decision is nothing to go by.

import { LRUCache } from "lru-cache";
import type { TokenClaims as TokenClaimsMessage } from "../../../gen/cambio/v1/token_pb.ts";
import { type Answer, type AskCambio, keyOf, type Question } from "./ask-cambio.ts";
import { readClaims } from "./claims.ts";
import { type Decision, undecided } from "./decision.ts";

export type Validate = (question: Question) => Promise<Decision>;

interface Remembered {
  readonly claims: TokenClaimsMessage;
  readonly fromMs: number;
  readonly untilMs: number;
}

/** Cambio's own limit, by our clock as well: one that is behind must not make an answer last longer. */
const maxAgeMs = 60_000;

export interface ValidateDeps {
  readonly ask: AskCambio;
  readonly now: () => number;
}

/** Questions under way are bounded by the requests that wait for them. */
export function createValidate({ ask, now }: ValidateDeps, maxEntries: number): Validate {
  const remembered = new LRUCache<string, Remembered>({ max: maxEntries });
  const flights = new Map<string, Promise<Answer>>();

  function recall(key: string): TokenClaimsMessage | undefined {
    const known = remembered.get(key);
    if (known === undefined) return undefined;
    const nowMs = now();
    if (known.fromMs <= nowMs && nowMs < known.untilMs) return known.claims;
    remembered.delete(key);
    return undefined;
  }

  async function askOnce(key: string, question: Question): Promise<Answer> {
    const fromMs = now();
    try {
      const answer = await ask(question);
      if (answer.kind === "valid") {
        remembered.set(key, { claims: answer.claims, fromMs, untilMs: Math.min(answer.validUntilMs, fromMs + maxAgeMs) });
      }
      return answer;
    } finally {
      flights.delete(key);
    }
  }

  function joinFlight(key: string, question: Question): Promise<Answer> {
    const flight = flights.get(key) ?? askOnce(key, question);
    flights.set(key, flight);
    return flight;
  }

  return async function validate(question) {
    const key = keyOf(question);
    const known = recall(key);
    const answer: Answer = known === undefined ? await joinFlight(key, question) : { kind: "valid", claims: known, validUntilMs: 0 };
    if (answer.kind !== "valid") return answer;
    const claims = readClaims(answer.claims);
    return claims === undefined ? undecided("MALFORMED_ANSWER") : { kind: "allowed", claims };
  };
}
