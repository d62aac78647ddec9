// What the tokens of an account are known by: at its provider the user's own id there; here, after the provider's prefix, the
// account's id, or the user's own id where a token of the provider was exchanged. Pure.
//
// Under a name that another issuer has by now the user's own id is somebody else's: of such an account only its id is a name.

import type { Configuration } from "../config/schema.ts";
import { ownProvider } from "../exchange/minting.ts";
import { issuerIn } from "./configured-issuer.ts";
import { longestEndAt, ownSubjectOf, tokenEndsAt } from "./token-ends.ts";

interface Identity {
  readonly id: string;
  /** Configured name. */
  readonly provider: string;
  readonly issuer: string;
  readonly providerUserId: string;
}

interface Subject {
  readonly provider: string;
  readonly subject: string;
  /** What it is made of: the account's id, or its user's at the provider. */
  readonly of: "account" | "user";
  /** From when on nothing that was issued until now can be alive, in seconds since the epoch. */
  readonly overAt: number;
}

export function accountSubjectsIn(configuration: Configuration) {
  return function subjectsOf({ id, provider, issuer, providerUserId }: Identity, nowMs: number): readonly Subject[] {
    const overAt = (name: string) => tokenEndsAt(configuration, name, nowMs)?.allOver ?? longestEndAt(nowMs);
    const here = (name: string, of: Subject["of"]): readonly Subject[] => {
      const subject = ownSubjectOf(configuration, provider, name);
      return subject === undefined ? [] : [{ provider: ownProvider, subject, of, overAt: overAt(ownProvider) }];
    };
    const byId = here(id, "account");
    // A provider that is no longer configured may be again: by then it must be known who is disabled there.
    if (issuer !== (issuerIn(configuration, provider) ?? issuer)) return byId;
    return [{ provider, subject: providerUserId, of: "user", overAt: overAt(provider) }, ...byId, ...here(providerUserId, "user")];
  };
}
