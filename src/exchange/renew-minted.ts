// One more token of this service's own out of a sign-in that is kept: within what the first one was granted, and only while the
// provider's grant behind it stands. That is noticed when the provider's own token has run out, at the latest.

import type { Client } from "./clients.ts";
import { scopesOf } from "./granted.ts";
import type { Mint, MintPlan } from "./mint.ts";
import { subjectOfAccount } from "./mint-subject.ts";
import type { ConnectionIssue, TokenSet } from "./tokens.ts";
import type { Trail } from "./trail.ts";
import type { KeptAccount } from "./vault-ports.ts";

export interface Renewal {
  readonly client: Client;
  readonly account: KeptAccount;
  /** What the first one was granted. */
  readonly issue: ConnectionIssue;
  /** Of the provider, as they are kept now. */
  readonly tokens: TokenSet;
  /** Empty: as granted. */
  readonly scopes: readonly string[];
  readonly trail: Trail;
}

/** Policy decides anew each time. @throws ExchangeError as `Mint.plan` */
export function planRenewal(mint: Pick<Mint, "plan">, { client, account, issue, tokens, scopes, trail }: Renewal): MintPlan {
  const subject = subjectOfAccount(account, scopesOf(tokens));
  const { audience, scopes: within } = issue;
  return mint.plan({ client, subject, audience, scopes, within, actor: undefined, refreshToken: false, trail });
}
