// Connections over two replicas: one refresh for everybody who asks, nothing for whoever is not their user, and the end of an account
// that an operator disables.

import { beforeAll, describe, expect, it } from "vitest";
import { startChild } from "../support/child.ts";
import { eventually } from "../support/eventually.ts";
import { type Answer, detailOf, type Instance } from "../support/fake-stack.ts";
import { tokensOf, type VaultStack } from "../support/vault-stack.ts";
import { useVaultStacks } from "../support/vault-stacks.ts";
import { atOnce, counted, outcomeOf } from "./replica-rig.ts";

const stacks = useVaultStacks();
const shared = [["PostgreSQL"], ["PostgreSQL and Redis"]] as const;
/** An operator's word is in force everywhere within it. */
const wordMs = 1_000;

const proofOf = (answer: Answer) => ({ userToken: { value: tokensOf(answer)["accessToken"] } });

describe.each(shared)("two replicas on %s", (kept) => {
  beforeAll(() => stacks.ready(kept), 60_000);

  it("100 uses of a connection whose token has run out, over both: OpenAI is asked once, and all get one access token", async () => {
    const stack = await stacks.start(kept, { instances: 2 });
    const { connectionId } = (await stack.signIn("cli")).body;
    stack.time.nowMs += 3_600_000;
    const answers = await atOnce(100, stack.instances, (at) => stack.as("worker", "Refresh", { connectionId }, at));
    expect(counted(answers)).toEqual({ "200": 100 });
    expect(new Set(answers.map((one) => tokensOf(one)["accessToken"])).size).toBe(1);
    expect(stack.openai.requests.filter(({ body }) => body?.["grant_type"] === "refresh_token")).toHaveLength(1);
    expect(stack.openai.presentedTwice).toEqual([]);
  });

  it("whoever is not the user learns nothing of a connection, not even that there is one", async () => {
    const stack = await stacks.start(kept, { instances: 2 });
    const [nelly, mallory, elsewhere] = [
      await stack.signIn("web", { user: "1" }),
      await stack.signIn("web", { user: "2" }),
      await stack.signIn("site", { user: "1" }),
    ];
    const { connectionId } = nelly.body;
    const missing = "AAAAAAAAAAAAAAAAAAAAAA";
    const [here, there] = stack.instances as readonly [Instance, Instance];
    const refusals = [
      await stack.as("web", "Refresh", { connectionId: missing, ...proofOf(nelly) }, here),
      await stack.as("web", "Refresh", { connectionId, ...proofOf(mallory) }, here),
      await stack.as("web", "Refresh", { connectionId, ...proofOf(mallory) }, there),
      await stack.as("site", "Refresh", { connectionId, ...proofOf(elsewhere) }, there),
      await stack.as("stranger", "Refresh", { connectionId }, here),
      await stack.as("stranger", "Refresh", { connectionId: missing }, there),
      await stack.as("guest", "Refresh", { connectionId }, there),
      await stack.as("worker", "Refresh", { connectionId, provider: "openai" }, here),
    ];
    expect([...new Set(refusals.map(shown))]).toEqual([shown(refusals[0])]);
    expect(counted(refusals)).toEqual({ CONNECTION_NOT_FOUND: refusals.length });

    const badProofs = [proofOf(elsewhere), { userToken: { value: "made-up" } }, {}];
    for (const proof of badProofs) {
      const [ofOne, ofNone] = [connectionId, missing].map((id) => stack.as("web", "Refresh", { connectionId: id, ...proof }, there));
      expect(shown(await ofOne)).toBe(shown(await ofNone));
      expect(outcomeOf((await ofOne) ?? nelly)).not.toBe("200");
    }
    expect((await stack.as("stranger", "Revoke", { connectionId }, here)).status).toBe(200);
    expect((await stack.as("web", "Revoke", { connectionId, ...proofOf(mallory) }, there)).status).toBe(200);
    for (const at of stack.instances) expect((await stack.as("web", "Refresh", { connectionId, ...proofOf(nelly) }, at)).status).toBe(200);
    expect(stack.discord.revoked).toEqual([]);
  });

  it("an account that an operator disables is refused on every path at both within a second, until he enables it", async () => {
    const stack = await stacks.start(kept, { instances: 2 });
    const [page, handle, cookie] = [await stack.signIn("web"), await stack.signIn("site"), await stack.signIn("shop")];
    const other = await stack.signIn("web", { user: "7" });
    stack.discord.signedIn("80351110224678912");
    const { connectionId } = page.body;
    const value = tokensOf(page)["accessToken"];
    const cookies = { ...stack.headersOf("shop"), cookie: cookie.headers.get("set-cookie")?.split(";")[0] ?? "" };
    const paths: Readonly<Record<string, (at: Instance) => Promise<Answer>>> = {
      "a token that was validated before": (at) => stack.as("backend", "ValidateCrossClient", { token: { value } }, at),
      "a token that was not": (at) => stack.as("backend", "ValidateCrossClient", { token: { value: tokensOf(handle)["accessToken"] } }, at),
      "the connection, by its user": (at) => stack.as("web", "Refresh", { connectionId, ...proofOf(page) }, at),
      "the connection, by a service": (at) => stack.as("worker", "Refresh", { connectionId }, at),
      "the handle": (at) => stack.as("site", "Refresh", { refreshToken: tokensOf(handle)["refreshToken"] }, at),
      "the cookie": (at) => at.rpc("Refresh", { clientId: "shop" }, cookies),
      "the account as it is kept": (at) => stack.as("web", "GetAccount", { token: { value } }, at),
      "the account as Discord has it": (at) => stack.as("web", "GetAccount", { token: { value }, fresh: true }, at),
    };
    const everywhere = async () =>
      Object.fromEntries(
        await Promise.all(
          Object.entries(paths).map(async ([name, ask]) => [
            name,
            await Promise.all(stack.instances.map(async (at) => outcomeOf(await ask(at)))),
          ]),
        ),
      ) as Readonly<Record<string, readonly string[]>>;
    const all = (outcome: string) => Object.fromEntries(Object.keys(paths).map((name) => [name, [outcome, outcome]]));

    expect(outcomeOf(await stack.as("backend", "ValidateCrossClient", { token: { value } }, stack.instances[0]))).toBe("200");
    expect(outcomeOf(await stack.as("backend", "ValidateCrossClient", { token: { value } }, stack.instances[1]))).toBe("200");
    const id = (page.body["account"] as { readonly id: string }).id.replace("discord:", "");
    await accounts(stack, "disable", id);
    const calls = stack.discord.requests.length;
    const told = performance.now();
    let said = await everywhere();
    await eventually("the same everywhere", async () => {
      said = await everywhere();
      return (
        Object.values(said)
          .flat()
          .every((one) => one === "ACCOUNT_DISABLED") || performance.now() - told > wordMs
      );
    });
    expect(said).toEqual(all("ACCOUNT_DISABLED"));
    expect(stack.discord.requests.length).toBe(calls);
    for (const at of stack.instances) {
      for (const client of ["web", "site", "shop"] as const) expect(outcomeOf(await stack.signIn(client, { at }))).toBe("ACCOUNT_DISABLED");
      expect(outcomeOf(await stack.as("web", "Refresh", { connectionId: other.body["connectionId"], ...proofOf(other) }, at))).toBe("200");
    }

    await accounts(stack, "enable", id);
    for (const at of stack.instances) {
      expect(outcomeOf(await stack.signIn("web", { at }))).toBe("200");
      const validate = () => stack.as("backend", "ValidateCrossClient", { token: { value } }, at);
      await eventually("an older token is none that is disabled", async () => outcomeOf(await validate()) === "TOKEN_REVOKED", wordMs);
    }
  });
});

/** All that an answer tells, but which request it answers. */
function shown(answer: Answer | undefined): string {
  if (answer === undefined) throw new Error("no answer");
  const { requestId: _, ...detail } = detailOf(answer) ?? {};
  return JSON.stringify([answer.status, answer.body["code"], answer.body["message"], detail]);
}

/** As an operator runs it. */
async function accounts({ file }: VaultStack, ...words: readonly string[]): Promise<void> {
  const command = startChild(["src/cli/cambio.mjs", "accounts", ...words, file]);
  expect({ status: await command.ended, errors: command.errors() }).toEqual({ status: 0, errors: "" });
}
