// What a redeemed code is answered by: its provider's tokens, or one that this service issues; with what is kept of the sign-in behind
// them: a connection by its id, a refresh handle, or nothing. What a client is not to hold does not leave here.

import type { Client } from "./clients.ts";
import type { CodeIssuance } from "./code-issuance.ts";
import { ExchangeError } from "./errors.ts";
import { checkGranted, checkKept, scopesOf } from "./granted.ts";
import type { RefreshHandles } from "./handle-ports.ts";
import { type Mint, type MintPlan, noteIssued } from "./mint.ts";
import { subjectOfAccount } from "./mint-subject.ts";
import type { Clock } from "./ports.ts";
import type { Decide } from "./decision.ts";
import { keepRefreshToken } from "./refresh-token-custody.ts";
import { afterSpending } from "./sign-in.ts";
import type { TokenSet } from "./tokens.ts";
import type { Trail } from "./trail.ts";
import type { Connections, KeptAccount } from "./vault-ports.ts";

export interface AnswerDeps {
  readonly decide: Decide;
  readonly mint: Mint;
  readonly handles: Pick<RefreshHandles, "issue">;
  /** Undefined: nothing is kept. */
  readonly connections: Pick<Connections, "keep"> | undefined;
  readonly clock: Clock;
}

/** A code that was redeemed, for whom and as what. */
export interface Redeemed {
  readonly client: Client;
  /** Configured name. */
  readonly provider: string;
  readonly issuance: CodeIssuance;
  /** As the provider handed them out. */
  readonly tokens: TokenSet;
  /** Undefined: its users have no accounts here. */
  readonly account: KeptAccount | undefined;
  readonly trail: Trail;
}

export interface Answered {
  readonly issuance: "PASSTHROUGH" | "MINTED";
  readonly tokens: TokenSet;
  /** Undefined: nothing is kept by an id. */
  readonly connectionId: string | undefined;
}

/**
 * Never wider: what the provider granted is within what the client may have. What stays here only its scopes count of.
 * @throws ExchangeError SCOPE_NOT_ALLOWED, TARGET_NOT_ALLOWED, CALLER_NOT_ALLOWED
 */
export function checkRedeemed(deps: Pick<AnswerDeps, "decide" | "clock">, redeemed: Omit<Redeemed, "account">): void {
  const { client, provider, issuance, tokens, trail } = redeemed;
  const check = issuance.kind === "minted" ? checkKept : checkGranted;
  check(deps, { client, provider, trail }, tokens);
}

export function createAnswerCode(deps: AnswerDeps) {
  /** @throws ExchangeError as `Mint.plan`; OUTCOME_UNKNOWN: what has to be kept or issued cannot be, and the code is spent */
  return async function answerCode(redeemed: Redeemed): Promise<Answered> {
    // 1. What is issued is decided first: nothing is kept of what policy refuses now.
    const { client, provider, tokens, account, trail } = redeemed;
    const minted = planned(redeemed);

    // 2. Issue. The provider's tokens are no part of what is issued here.
    const issued = minted === undefined ? undefined : { issue: minted.issue, tokens: await issueBy(minted.plan, trail) };
    const issuance = issued === undefined ? "PASSTHROUGH" : "MINTED";

    // 3. Keep: by an id for its client, or behind a refresh handle, and never both.
    if (client.providers.get(provider)?.connections === true) {
      const connectionId = await keepById(redeemed, issued?.issue);
      trail.note({ connection: connectionId });
      return { issuance, tokens: { ...(issued?.tokens ?? tokens), refreshToken: undefined }, connectionId };
    }
    const holder = { client, provider, accountId: account?.id, minted: issued };
    return { issuance, tokens: await keepRefreshToken(deps, holder, tokens), connectionId: undefined };
  };

  function planned({ client, issuance, tokens, account, trail }: Redeemed) {
    if (issuance.kind !== "minted") return undefined;
    // Held by the configuration: where there are accounts there is a database. The provider's tokens were not decided on.
    if (account === undefined) throw new ExchangeError("OUTCOME_UNKNOWN");
    const subject = subjectOfAccount(account, scopesOf(tokens));
    const { audience } = issuance;
    const plan = deps.mint.plan({ client, subject, audience, scopes: [], actor: undefined, refreshToken: false, trail });
    return { plan, issue: { audience, scopes: plan.scopes } };
  }

  async function issueBy(plan: MintPlan, trail: Trail): Promise<TokenSet> {
    const tokens = await deps.mint.issue(plan).catch(spent);
    noteIssued(trail, tokens);
    return tokens;
  }

  async function keepById(
    { client, provider, tokens, account }: Redeemed,
    answeredBy: { audience: string; scopes: readonly string[] } | undefined,
  ) {
    // Held by the configuration: such a client's provider has accounts, and there is a database.
    if (deps.connections === undefined || account === undefined) throw new ExchangeError("OUTCOME_UNKNOWN");
    const keeping = { clientId: client.id, provider, accountId: account.id, byId: true, tokens, issue: answeredBy };
    const { id } = await deps.connections.keep(keeping).catch(spent);
    return id;
  }
}

function spent(failure: unknown): never {
  throw afterSpending(failure);
}
