import { describe, expect, it } from "vitest";
import type { Account } from "../../src/exchange/account.ts";
import { ExchangeError } from "../../src/exchange/errors.ts";
import { Secret } from "../../src/exchange/secret.ts";
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

function world(readUser: () => Promise<Account>) {
  const signedIn: string[] = [];
  const spent: string[] = [];
  const signIn = createSignIn({
    accounts: {
      async signedIn(provider, user) {
        signedIn.push(user.providerUserId);
        return { id: `account of ${user.providerUserId}`, provider, user, disabled: false };
      },
    },
    budget: { spend: (_payer, provider) => void spent.push(provider) },
  });
  const ask = (given: Partial<TokenSet> = {}) =>
    signIn({ provider: "main", prepared: { readUser }, tokens: tokensWith(given), trail: silentTrail() }, AbortSignal.timeout(10_000));
  return { ask, signedIn, spent };
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
});
