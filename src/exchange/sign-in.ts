// Who has signed in, once a code is redeemed: said by the verified ID token, or by the provider's user endpoint; kept as an account, by
// the provider's own id and nothing else.

import type { Account } from "./account.ts";
import { type Circumstance, ExchangeError, hasReason } from "./errors.ts";
import { outcomeOf } from "./outcome.ts";
import type { FailureBudget } from "./ports.ts";
import type { PreparedProvider } from "./provider-ports.ts";
import { risksBan } from "./refusal-cost.ts";
import type { TokenSet } from "./tokens.ts";
import type { Trail } from "./trail.ts";
import type { Accounts, AccountsProvider, KeptAccount } from "./vault-ports.ts";
import { untilItsEnd } from "./waiting.ts";

export interface SignInDeps {
  readonly accounts: Pick<Accounts, "signedIn" | "find">;
  readonly budget: Pick<FailureBudget, "spend">;
}

export interface SignedIn {
  readonly provider: AccountsProvider;
  readonly prepared: Pick<PreparedProvider, "readUser">;
  readonly tokens: TokenSet;
  readonly trail: Trail;
}

export function createSignIn({ accounts, budget }: SignInDeps) {
  /** @throws ExchangeError ACCOUNT_DISABLED; OUTCOME_UNKNOWN: whose account it is cannot be found out, and the code is spent */
  async function signIn(given: SignedIn, signal: AbortSignal): Promise<KeptAccount> {
    const { provider, tokens, trail } = given;
    try {
      const user = tokens.user ?? (await outcomeOf(readUser(given), signal));
      checkAgrees(tokens, user);
      const account = await accounts.signedIn(provider, user);
      trail.note({ subject: user.providerUserId });
      if (account.disabled) throw new ExchangeError("ACCOUNT_DISABLED");
      return account;
    } catch (failure) {
      throw afterSpending(failure);
    }
  }

  /**
   * Whatever was kept and issued meanwhile: who was disabled by then is handed nothing of it.
   * @throws ExchangeError ACCOUNT_DISABLED; OUTCOME_UNKNOWN: it is gone, or that cannot be known, and the code is spent
   */
  async function checkStands({ id }: KeptAccount): Promise<void> {
    try {
      const account = await accounts.find(id);
      if (account === undefined) throw new ExchangeError("ACCOUNT_NOT_FOUND");
      if (account.disabled) throw new ExchangeError("ACCOUNT_DISABLED");
    } catch (failure) {
      throw afterSpending(failure);
    }
  }

  async function readUser({ provider, prepared, tokens, trail }: SignedIn) {
    // The provider was to say who signed in, and its answer has no ID token that does.
    if (prepared.readUser === undefined) throw new ExchangeError("UPSTREAM_INVALID_RESPONSE");
    // What a code was spent for is not left half done.
    return prepared.readUser(tokens.accessToken, untilItsEnd).catch((failure: unknown) => {
      // A code can be had for less than the endpoint asks for, so a token that it refuses is the doing of whoever brought the code.
      if (hasReason(failure, "TOKEN_INVALID") || risksBan(failure)) budget.spend(trail.payer, provider.name);
      throw failure;
    });
  }

  return { signIn, checkStands };
}

/**
 * One provider, two words about one sign-in: where they name different users, neither is believed (OpenID Connect Core §5.3.2). What its
 * other tokens say of a user is looked up by that id as well, so the two must be one.
 */
function checkAgrees({ subject }: TokenSet, { providerUserId }: Account): void {
  if (subject === undefined || subject === providerUserId) return;
  const cause: Circumstance = { kind: "rule", field: "provider_user_id" };
  throw new ExchangeError("UPSTREAM_INVALID_RESPONSE", { cause });
}

const decided = ["ACCOUNT_DISABLED", "OUTCOME_UNKNOWN"] as const;

/** The code is gone, whatever a failure says of asking again. */
export function afterSpending(failure: unknown): unknown {
  if (!(failure instanceof ExchangeError)) return failure;
  return decided.some((reason) => reason === failure.reason) ? failure : new ExchangeError("OUTCOME_UNKNOWN", { cause: failure });
}
