import { describe, expect, it } from "vitest";
import { createConnectionStanding } from "../../src/exchange/connection-standing.ts";
import { ifThatIsKnown } from "../../src/exchange/ended-sign-in.ts";
import { ExchangeError, type Reason } from "../../src/exchange/errors.ts";
import type { Connection, KeptAccount } from "../../src/exchange/vault-ports.ts";
import { outcomeOf, refusal } from "./fixtures.ts";

const user = { providerUserId: "77", username: "", displayName: "", email: "", emailVerified: false, avatarUrl: "" };
const account: KeptAccount = { id: "account-1", provider: "discord", issuer: "https://discord.com", user, disabled: false };

const connection: Connection = {
  id: "connection-1",
  clientId: "web",
  provider: "discord",
  accountId: account.id,
  subject: "77",
  startedAt: 1_000,
  terms: undefined,
  issue: undefined,
  generation: 0,
  tokens: () => expect.unreachable(),
  end: () => expect.unreachable(),
};

/** What the log of revocations says of each name; of those that are not named, nothing. */
function standingBy(said: Readonly<Record<string, Reason>>) {
  return createConnectionStanding({
    accounts: undefined,
    subjects: { subjectOf: (provider, id) => `${provider}:${id}` },
    revocations: {
      check({ provider, subject }) {
        const reason = said[`${provider} ${subject}`];
        if (reason !== undefined) throw new ExchangeError(reason, { field: "SUBJECT_TOKEN" });
      },
    },
  });
}

const provider = "discord 77";
const broken = () => {
  throw new TypeError("broken");
};
const here = "cambio discord:account-1";

describe("a kept sign-in", () => {
  it("stands where nothing is said of its user", () => {
    expect(standingBy({}).isEnded(connection, account)).toBe(false);
  });

  it.each([provider, here])("has ended where all that its user has was ended, by whichever name: %s", (name) => {
    expect(standingBy({ [name]: "TOKEN_REVOKED" }).isEnded(connection, account)).toBe(true);
  });

  it.each([
    [provider, here],
    [here, provider],
  ])("has ended by what is known of one name, however little can be known of another: %s", (known, other) => {
    const standing = standingBy({ [known]: "TOKEN_REVOKED", [other]: "STORE_UNAVAILABLE" });
    expect(standing.isEnded(connection, account)).toBe(true);
  });

  it("is not taken to stand where that cannot be known, but for those who have asked before", () => {
    const standing = standingBy({ [here]: "STORE_UNAVAILABLE" });
    expect(outcomeOf(() => standing.isEnded(connection, account))).toEqual(refusal("STORE_UNAVAILABLE", { field: "SUBJECT_TOKEN" }));
    expect(ifThatIsKnown(() => standing.isEnded(connection, account))).toBe(false);
  });

  it("is refused, and does not end, while its account is disabled; no token that nobody has shown is blamed", () => {
    const standing = standingBy({ [provider]: "ACCOUNT_DISABLED" });
    expect(outcomeOf(() => standing.isEnded(connection, account))).toEqual(refusal("ACCOUNT_DISABLED"));
    expect(outcomeOf(() => ifThatIsKnown(() => standing.isEnded(connection, account)))).toEqual(refusal("ACCOUNT_DISABLED"));
  });

  it("is not taken to stand by a mistake of ours", () => {
    expect(() => ifThatIsKnown(broken)).toThrow(TypeError);
  });
});
