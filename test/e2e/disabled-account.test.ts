import { describe, expect, it } from "vitest";
import { openPostgres } from "../../src/store/open-postgres.ts";
import { startChild } from "../support/child.ts";
import { environmentFor, exampleFile } from "../support/fake-stack.ts";
import { masterKey } from "../cache/fixtures.ts";
import { accountsOn, userOf } from "../vault/account-rig.ts";
import { answersOtherThan, type Given, outcomeOf, refresh, signedIn, useServers, type Where } from "./replica-rig.ts";

// An operator disables an account: no replica takes its tokens by a second later, wherever they were accepted before.

const servers = useServers();

/** As an operator runs it. */
async function accounts({ stack }: Given, where: Where, ...words: readonly string[]): Promise<void> {
  const env = { ...environmentFor(stack.provider), ...servers.environment(where) };
  const command = startChild(["src/cli/cambio.mjs", "accounts", ...words, exampleFile], env);
  expect({ status: await command.ended, errors: command.errors() }).toEqual({ status: 0, errors: "" });
}

/** This user of the provider has an account. */
async function withAccount({ stack }: Given, subject: string): Promise<void> {
  const database = openPostgres(
    servers.postgres().address(servers.environment({ postgres: true })["DATABASE_URL"]?.split("/").at(-1) ?? ""),
  );
  await accountsOn(database, { keys: [masterKey("k")] }).accounts.signedIn(
    { name: "main", issuer: stack.provider.issuer },
    userOf(subject),
  );
  await database.close();
}

const named = (subject: string) => ["--provider", "main", "--user", subject] as const;

describe.each([
  ["PostgreSQL", { postgres: true }],
  ["PostgreSQL and Redis", { postgres: true, redis: true }],
] as const)("An account that is disabled, on %s", (_, where) => {
  it("has its tokens refused by every replica within a second: cached ones, unseen ones, and those that are issued later", async () => {
    const given = await servers.given(where);
    await withAccount(given, "mallory");
    const before = [await given.stack.token({ sub: "mallory" }), await given.stack.token({ sub: "mallory" })];
    const ofAnother = await given.stack.token();
    expect(await answersOtherThan("200", given.replicas, [before[0] ?? "", ofAnother])).toEqual([]);

    await accounts(given, where, "disable", ...named("mallory"));
    expect(await answersOtherThan("ACCOUNT_DISABLED", given.replicas, before)).toEqual([]);
    given.stack.time.nowMs = Date.now() + 120_000;
    const later = await given.stack.token({ sub: "mallory" });
    expect(await answersOtherThan("ACCOUNT_DISABLED", given.replicas, [...before, later])).toEqual([]);
    expect(await answersOtherThan("200", given.replicas, [ofAnother])).toEqual([]);

    // By the machine's clock, which the replicas' is two minutes ahead of.
    await accounts(given, where, "enable", ...named("mallory"));
    expect(await answersOtherThan("TOKEN_REVOKED", given.replicas, before)).toEqual([]);
    const after = await given.stack.token({ sub: "mallory" });
    expect(await answersOtherThan("200", given.replicas, [after])).toEqual([]);
  });

  it("gets no fresh tokens by a refresh handle, neither while it is disabled nor by one of before", async () => {
    const given = await servers.given(where);
    const { accessToken, refreshToken } = await signedIn(given);
    const { sub } = JSON.parse(Buffer.from(accessToken.split(".")[1] ?? "", "base64url").toString()) as { sub: string };
    await withAccount(given, sub);
    await accounts(given, where, "disable", ...named(sub));
    expect(await answersOtherThan("ACCOUNT_DISABLED", given.replicas, [accessToken])).toEqual([]);
    for (const replica of given.replicas) expect(outcomeOf(await refresh(replica, refreshToken))).toBe("ACCOUNT_DISABLED");

    await accounts(given, where, "enable", ...named(sub));
    expect(await answersOtherThan("TOKEN_REVOKED", given.replicas, [accessToken])).toEqual([]);
    for (const replica of given.replicas) expect(outcomeOf(await refresh(replica, refreshToken))).toBe("REAUTHENTICATION_REQUIRED");
  });
});
