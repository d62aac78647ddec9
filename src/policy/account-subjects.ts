// What the tokens of an account are known by: at its provider the user's own id there; here, after the provider's prefix, the
// account's id, or the user's own id where a token of the provider was exchanged. Pure.

import type { Configuration } from "../config/schema.ts";
import { ownProvider } from "../exchange/minting.ts";
import { longestEndAt, ownSubjectOf, tokenEndsAt } from "./token-ends.ts";

interface Identity {
  readonly id: string;
  /** Configured name. */
  readonly provider: string;
  readonly providerUserId: string;
}

interface Subject {
  readonly provider: string;
  readonly subject: string;
  /** From when on nothing that was issued until now can be alive, in seconds since the epoch. */
  readonly overAt: number;
}

export function accountSubjectsIn(configuration: Configuration) {
  return function subjectsOf({ id, provider, providerUserId }: Identity, nowMs: number): readonly Subject[] {
    const overAt = (name: string) => tokenEndsAt(configuration, name, nowMs)?.allOver ?? longestEndAt(nowMs);
    // A provider that is no longer configured may be again: by then it must be known who is disabled there.
    const there = { provider, subject: providerUserId, overAt: overAt(provider) };
    const here = [id, providerUserId].flatMap((name) => ownSubjectOf(configuration, provider, name) ?? []);
    return [there, ...here.map((subject) => ({ provider: ownProvider, subject, overAt: overAt(ownProvider) }))];
  };
}
