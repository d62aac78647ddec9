// Who has signed in, once a code is redeemed: said by the verified ID token, or by the provider's user endpoint; kept as an account, by
// the provider's own id and nothing else.

import { ExchangeError } from "./errors.ts";
import { outcomeOf } from "./outcome.ts";
import type { FailureBudget, PreparedProvider } from "./ports.ts";
import { risksBan } from "./refusal-cost.ts";
import type { TokenSet } from "./tokens.ts";
import type { Trail } from "./trail.ts";
import type { Accounts, KeptAccount } from "./vault-ports.ts";
import { untilItsEnd } from "./waiting.ts";

export interface SignInDeps {
  readonly accounts: Pick<Accounts, "signedIn">;
  readonly budget: Pick<FailureBudget, "spend">;
}

export interface SignedIn {
  /** Configured name. */
  readonly provider: string;
  readonly prepared: Pick<PreparedProvider, "readUser">;
  readonly tokens: TokenSet;
  readonly trail: Trail;
}

export function createSignIn({ accounts, budget }: SignInDeps) {
  /** @throws ExchangeError ACCOUNT_DISABLED; OUTCOME_UNKNOWN: whose account it is cannot be found out, and the code is spent */
  return async function signIn(given: SignedIn, signal: AbortSignal): Promise<KeptAccount> {
    const { provider, tokens, trail } = given;
    try {
      const user = tokens.user ?? (await outcomeOf(readUser(given), signal));
      const account = await accounts.signedIn(provider, user);
      trail.note({ subject: user.providerUserId });
      if (account.disabled) throw new ExchangeError("ACCOUNT_DISABLED");
      return account;
    } catch (failure) {
      throw afterSpending(failure);
    }
  };

  async function readUser({ provider, prepared, tokens, trail }: SignedIn) {
    // The provider was to say who signed in, and its answer has no ID token that does.
    if (prepared.readUser === undefined) throw new ExchangeError("UPSTREAM_INVALID_RESPONSE");
    // What a code was spent for is not left half done.
    return prepared.readUser(tokens.accessToken, untilItsEnd).catch((failure: unknown) => {
      if (risksBan(failure)) budget.spend(trail.payer, provider);
      throw failure;
    });
  }
}

const decided = ["ACCOUNT_DISABLED", "OUTCOME_UNKNOWN"] as const;

/** The code is gone, whatever a failure says of asking again. */
export function afterSpending(failure: unknown): unknown {
  if (!(failure instanceof ExchangeError)) return failure;
  return decided.some((reason) => reason === failure.reason) ? failure : new ExchangeError("OUTCOME_UNKNOWN", { cause: failure });
}
