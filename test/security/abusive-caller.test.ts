// One caller who has Discord refuse as much as it may: it is stopped here, long before Discord bans the address that everybody shares, and
// nobody else is any the worse for it. The fake refuses codes with 401, which counts for its ban; the real one says 400, which does not.

import { afterEach, describe, expect, it } from "vitest";
import type { Configuration } from "../../src/config/schema.ts";
import { type Answer, detailOf, noLimits, page } from "../support/fake-stack.ts";
import { phoneRedirectUri } from "../support/vault-document.ts";
import { startVaultStack, tokensOf, type VaultClient, type VaultStack, type VaultStackOptions } from "../support/vault-stack.ts";
import { counted, outcomeOf } from "../e2e/replica-rig.ts";

/** As it stands where nothing is configured, but for the calls per second: the clock stands still here, and so no second is ever over. */
const usual: Configuration["limits"] = { ...noLimits, client_failures: 2_000, address_failures: 50, provider_failures: 5_000 };
/** The same proportions, for what needs many. */
const tenth: Configuration["limits"] = { ...noLimits, client_failures: 200, address_failures: 10, provider_failures: 500 };

let stack: VaultStack;
afterEach(() => stack.close());

async function start(limits: Configuration["limits"], banAfter: number, more: VaultStackOptions = {}): Promise<void> {
  stack = await startVaultStack({ limits, discord: { banAfter, refusedCode: 401 }, ...more });
}

let guesses = 0;
const guess = (redirectUri = `${page}/callback`) => {
  guesses += 1;
  return { code: `guessed-code-${guesses}`, codeVerifier: "v".repeat(43), redirectUri };
};
const wrongCode = (as: VaultClient | "guest", headers = {}) =>
  stack.cambio.rpc(
    "Exchange",
    {
      ...(as === "guest" ? {} : { clientId: as }),
      provider: "discord",
      authorizationCode: guess(as === "phone" ? phoneRedirectUri : undefined),
    },
    { ...stack.headersOf(as), ...headers },
  );
const wrongHandle = (client: "web" | "site") => stack.as(client, "Refresh", { refreshToken: `cambio_rt_${"A".repeat(60)}${guesses++}` });

/** As many at a time as a caller has connections. */
async function flood(count: number, call: (number: number) => Promise<Answer>): Promise<readonly Answer[]> {
  const answers: Answer[] = [];
  const atOnce = 16;
  for (let from = 0; from < count; from += atOnce)
    answers.push(...(await Promise.all(Array.from({ length: Math.min(atOnce, count - from) }, (_, index) => call(from + index)))));
  return answers;
}

/** Sign-ins of others at Discord and at OpenAI, and what was kept of earlier ones. */
async function others(before: Before): Promise<readonly string[]> {
  return [
    await stack.signIn("site", { user: "1" }),
    await stack.signIn("shop", { user: "2" }),
    await stack.signIn("cli"),
    await stack.as("worker", "Refresh", { connectionId: before.discord.body["connectionId"] }),
    await stack.as("worker", "Refresh", { connectionId: before.openai.body["connectionId"] }),
    await stack.as("backend", "ValidateCrossClient", { token: { value: tokensOf(before.discord)["accessToken"] } }),
  ].map(outcomeOf);
}
const fine = ["200", "200", "200", "200", "200", "200"];

interface Before {
  readonly discord: Answer;
  readonly openai: Answer;
}
const signedInBefore = async (): Promise<Before> => ({
  discord: await stack.signIn("web", { user: "9" }),
  openai: await stack.signIn("cli"),
});

describe("wrong codes from one address of a public client", () => {
  it("are stopped after its share: Discord, which bans after 10,000, has refused 50 and a few that were under way", async () => {
    await start(usual, 10_000);
    const before = await signedInBefore();
    const [answers, meanwhile] = await Promise.all([flood(300, () => wrongCode("web")), others(before)]);
    const { GRANT_INVALID: refused = 0, RATE_LIMITED: stopped = 0, ...rest } = counted(answers);
    expect(rest).toEqual({});
    expect(refused).toBeGreaterThanOrEqual(50);
    expect(refused).toBeLessThan(50 + 16);
    expect([refused + stopped, stack.discord.badAnswers()]).toEqual([300, refused]);
    const last = answers.at(-1);
    expect(last && detailOf(last)).toMatchObject({ retryAfter: expect.stringMatching(/^[1-9]\d*(\.\d+)?s$/) });
    expect([meanwhile, await others(before)]).toEqual([fine, fine]);
  });

  it("end for their sender when the ten minutes are over, and then again", async () => {
    await start(usual, 10_000);
    await flood(200, () => wrongCode("web"));
    stack.time.nowMs += 600_000;
    const { GRANT_INVALID: refused = 0 } = counted(await flood(200, () => wrongCode("web")));
    expect(refused).toBeLessThan(50 + 16);
    expect(stack.discord.banned()).toBe(false);
  });
});

describe("wrong codes of one service", () => {
  it("are stopped after its share, a fifth of what Discord bans for, and nobody else is", async () => {
    await start(tenth, 1_000);
    const before = await signedInBefore();
    const [answers, meanwhile] = await Promise.all([flood(300, () => wrongCode("guest")), others(before)]);
    const { GRANT_INVALID: refused = 0, RATE_LIMITED: stopped = 0, ...rest } = counted(answers);
    expect([rest, refused + stopped]).toEqual([{}, 300]);
    expect(refused).toBeGreaterThanOrEqual(200);
    expect(refused).toBeLessThan(200 + 16);
    expect([stack.discord.badAnswers(), stack.discord.banned()]).toEqual([refused, false]);
    expect([meanwhile, await others(before)]).toEqual([fine, fine]);
    expect(outcomeOf(await stack.signIn("web", { user: "3" }))).toBe("200");
  });
});

const byAddress = (number: number, of: number) => ({ "x-forwarded-for": `10.${number % of}.0.1` });

describe("wrong codes from many addresses", () => {
  const behindProxy = { written: { server: { trusted_proxies: ["127.0.0.0/8", "::1/128"] } } };
  const publicClients = ["web", "site", "shop", "phone"] as const;

  it("of one public client end at the client's share", async () => {
    await start(tenth, 1_000, behindProxy);
    const before = await signedInBefore();
    const answers = await flood(300, (number) => wrongCode("web", byAddress(number, 100)));
    const { GRANT_INVALID: refused = 0 } = counted(answers);
    expect(refused).toBeGreaterThanOrEqual(200);
    expect(refused).toBeLessThan(200 + 16);
    expect(await others(before)).toEqual(fine);
  });

  it("of every public client end at half of what Discord bans for, and who was not refused goes on", async () => {
    await start({ ...tenth, provider_failures: 250 }, 500, behindProxy);
    const before = await signedInBefore();
    const answers = await flood(400, (number) => wrongCode(publicClients[number % 4] ?? "web", byAddress(number >> 2, 20)));
    const { GRANT_INVALID: refused = 0 } = counted(answers);
    expect(refused).toBeGreaterThanOrEqual(250);
    expect(refused).toBeLessThan(250 + 16);
    expect([stack.discord.badAnswers(), stack.discord.banned()]).toEqual([refused, false]);
    expect(await others(before)).toEqual(fine);
  });
});

describe("wrong refresh handles", () => {
  it("never reach a provider, and cost nobody anything", async () => {
    await start(usual, 10_000);
    const before = await signedInBefore();
    const calls = stack.discord.callsTo("token");
    const answers = await flood(200, (number) => wrongHandle(number % 2 === 0 ? "web" : "site"));
    expect(counted(answers)).toEqual({ REAUTHENTICATION_REQUIRED: 200 });
    expect([stack.discord.callsTo("token") - calls, stack.discord.badAnswers()]).toEqual([0, 0]);
    expect(await others(before)).toEqual(fine);
  });
});

describe("a provider that was led to ban this service all the same", () => {
  it("is left alone, and costs users of other providers nothing", async () => {
    await start(noLimits, 30);
    const openai = await stack.signIn("cli");
    await flood(64, () => wrongCode("web"));
    expect(stack.discord.banned()).toBe(true);
    const calls = stack.discord.requests.length;
    const answers = await flood(64, () => wrongCode("web"));
    expect(Object.keys(counted(answers))).toEqual(["UPSTREAM_RATE_LIMITED"]);
    expect(stack.discord.requests.length - calls).toBeLessThan(3);
    expect(outcomeOf(await stack.signIn("cli"))).toBe("200");
    expect(outcomeOf(await stack.as("worker", "Refresh", { connectionId: openai.body["connectionId"] }))).toBe("200");
  });
});
