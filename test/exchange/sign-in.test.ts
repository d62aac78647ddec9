import { describe, expect, it } from "vitest";
import type { Account } from "../../src/exchange/account.ts";
import { ExchangeError, type Reason } from "../../src/exchange/errors.ts";
import { Secret } from "../../src/exchange/secret.ts";
import type { KeptAccount } from "../../src/exchange/vault-ports.ts";
import { createSignIn } from "../../src/exchange/sign-in.ts";
import type { TokenSet } from "../../src/exchange/tokens.ts";
import { refusal, silentTrail } from "./fixtures.ts";

const victim: Account = {
  providerUserId: "victim",
  username: "ada",
  displayName: "Ada",
  email: "ada@example.com",
  emailVerified: true,
  avatarUrl: "",
};

const tokensWith = (given: Partial<TokenSet>): TokenSet => ({
  accessToken: new Secret("opaque"),
  tokenType: "Bearer",
  expiresAtMs: undefined,
  refreshToken: undefined,
  idToken: undefined,
  scopes: undefined,
  issuer: "https://login.example",
  ...given,
});

const accountOf = (user: Account): KeptAccount => ({
  id: `account of ${user.providerUserId}`,
  provider: "main",
  issuer: "https://login.example",
  user,
  disabled: false,
});

const gone = (): never => {
  throw new ExchangeError("STORE_UNAVAILABLE");
};

/** @param now the account, once it is looked at again */
function world(readUser: () => Promise<Account>, now: () => KeptAccount | undefined = () => accountOf(victim)) {
  const signedIn: string[] = [];
  const spent: string[] = [];
  const { signIn, checkStands } = createSignIn({
    accounts: {
      async signedIn(provider, user) {
        signedIn.push(user.providerUserId);
        return { ...accountOf(user), provider: provider.name, issuer: provider.issuer };
      },
      find: async () => now(),
    },
    budget: { spend: (_payer, provider) => void spent.push(provider) },
  });
  const ask = (given: Partial<TokenSet> = {}) =>
    signIn(
      {
        provider: { name: "main", issuer: "https://login.example" },
        prepared: { readUser },
        tokens: tokensWith(given),
        trail: silentTrail(),
      },
      AbortSignal.timeout(10_000),
    );
  return { ask, checkStands: () => checkStands(accountOf(victim)), signedIn, spent };
}

describe("a sign-in", () => {
  it("whose ID token names another user than the user endpoint does is nobody's", async () => {
    const { ask, signedIn } = world(async () => victim);
    await expect(ask({ subject: "mallory" })).rejects.toThrow(refusal("OUTCOME_UNKNOWN"));
    expect(signedIn).toEqual([]);
    await expect(ask({ subject: "victim" })).resolves.toMatchObject({ id: "account of victim" });
    await expect(ask()).resolves.toMatchObject({ id: "account of victim" });
  });

  it("with a code whose token the user endpoint refuses counts against whoever brought it: that is what providers ban for", async () => {
    const cause = { kind: "upstream", endpoint: "user", status: 401 } as const;
    const { ask, spent } = world(() => Promise.reject(new ExchangeError("TOKEN_INVALID", { cause })));
    await expect(ask()).rejects.toThrow(refusal("OUTCOME_UNKNOWN"));
    expect(spent).toEqual(["main"]);
  });

  it("that the provider was away for counts against nobody", async () => {
    const { ask, spent } = world(() => Promise.reject(new ExchangeError("UPSTREAM_UNAVAILABLE")));
    await expect(ask()).rejects.toThrow(refusal("OUTCOME_UNKNOWN"));
    expect(spent).toEqual([]);
  });

  it.each<[string, () => KeptAccount | undefined, Reason]>([
    ["is disabled", () => ({ ...accountOf(victim), disabled: true }), "ACCOUNT_DISABLED"],
    ["is forgotten", () => undefined, "OUTCOME_UNKNOWN"],
    ["can no longer be looked at", gone, "OUTCOME_UNKNOWN"],
  ])("of an account that %s while it is kept is not answered", async (_, now, reason) => {
    const { checkStands } = world(async () => victim, now);
    await expect(checkStands()).rejects.toThrow(refusal(reason));
  });

  it("of an account that still stands is answered", async () => {
    await expect(world(async () => victim).checkStands()).resolves.toBeUndefined();
  });
});
