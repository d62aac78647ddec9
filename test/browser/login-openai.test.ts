// `cambio login openai` from a shell, with a real Chromium in front of the consent page of a strict fake OpenAI; then a service that
// calls with the token of that sign-in, for as long as it lasts.

import type { Browser } from "playwright-core";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { launchBrowser } from "../support/browser.ts";
import { type Child, startChild } from "../support/child.ts";
import { eventually } from "../support/eventually.ts";
import { openAiClientId } from "../support/fake-openai.ts";
import { tokensOf, type VaultStack } from "../support/vault-stack.ts";
import { useVaultStacks } from "../support/vault-stacks.ts";

const stacks = useVaultStacks();
let browser: Browser;
let stack: VaultStack;

beforeAll(async () => {
  browser = await launchBrowser();
});
afterAll(() => browser.close());

/** The command, whose browser cannot be opened, so that it shows the address alone. */
function login(): Child {
  const words = ["openai", "--client", "cli", "--redirect-uri", "http://localhost/auth/callback", "--url", stack.cambio.url];
  return startChild(["src/cli/cambio.mjs", "login", ...words], { PATH: stack.folder });
}

/** At a port that was free, which the provider has to know first. */
async function addressOf(command: Child): Promise<URL> {
  const shown = /\n\n {2}(http\S+)\n\n/;
  await eventually("the address", () => shown.test(command.errors()));
  const url = new URL(shown.exec(command.errors())?.[1] ?? "");
  stack.openai.registerRedirectUri(url.searchParams.get("redirect_uri") ?? "");
  return url;
}

/** @returns what the page says on which the user ends up */
async function walk(url: URL, button: "Authorize" | "Cancel" = "Authorize"): Promise<string> {
  const page = await browser.newPage();
  try {
    await page.goto(url.href);
    await page.getByRole("button", { name: button }).click();
    await page.waitForURL(`${url.searchParams.get("redirect_uri") ?? ""}?**`);
    return (await page.locator("body").textContent()) ?? "";
  } finally {
    await page.close();
  }
}

async function signIn(): Promise<{ readonly table: Readonly<Record<string, string>>; readonly output: string; readonly thanks: string }> {
  const command = login();
  const thanks = await walk(await addressOf(command));
  expect(await command.ended).toBe(0);
  const rows = [...(command.errors().split("signed in\n")[1] ?? "").matchAll(/^ {2}(\S+) +(.*)$/gm)];
  return { table: Object.fromEntries(rows.map(([, name = "", value = ""]) => [name, value])), output: command.output(), thanks };
}

const refreshed = (connectionId: string | undefined) => stack.as("worker", "Refresh", { connectionId });

/** What OpenAI says to whoever calls it with that token. */
async function called(accessToken: string | undefined): Promise<number> {
  return (await fetch(stack.openai.resource, { headers: { authorization: `Bearer ${accessToken}` } })).status;
}

describe.each(["SQLite", "PostgreSQL"] as const)("a person signs in from a shell, with what is kept in %s,", (kept) => {
  beforeAll(() => stacks.ready(kept), 60_000);
  beforeEach(async () => {
    stack = await stacks.start(kept);
  });

  it("and a service calls OpenAI with the access token, now and when that has run out", async () => {
    const { table, output, thanks } = await signIn();
    expect(thanks).toContain("You can close this window.");
    expect(output).toBe("");
    expect(table).toMatchObject({ provider: "openai", account: expect.stringMatching(/^openai:\S{36}$/), name: "Ada" });
    const { connection } = table;
    const first = tokensOf(await refreshed(connection));
    expect(Object.keys(first)).not.toContain("refreshToken");
    expect(await called(first["accessToken"])).toBe(200);
    expect(stack.openai.callsTo("token")).toBe(1);

    stack.time.nowMs += 3_600_000;
    expect(await called(first["accessToken"])).toBe(401);
    const second = tokensOf(await refreshed(connection));
    expect(await called(second["accessToken"])).toBe(200);
    expect([stack.openai.callsTo("token"), stack.openai.violations, stack.openai.presentedTwice]).toEqual([2, [], []]);
  });

  it("by an address of exactly the parameters of the flow, and those that are configured besides", async () => {
    const command = login();
    const url = await addressOf(command);
    expect(`${url.origin}${url.pathname}`).toBe(stack.openai.endpoints.authorization);
    expect(Object.fromEntries(url.searchParams)).toEqual({
      response_type: "code",
      client_id: openAiClientId,
      redirect_uri: expect.stringMatching(/^http:\/\/localhost:\d+\/auth\/callback$/),
      scope: "openid profile email offline_access",
      code_challenge: expect.stringMatching(/^[\w-]{43}$/),
      code_challenge_method: "S256",
      state: expect.stringMatching(/^\S{22,}$/),
      id_token_add_organizations: "true",
      codex_cli_simplified_flow: "true",
    });
    await walk(url);
    expect(await command.ended).toBe(0);
    const [redeemed] = stack.openai.requests.filter(({ endpoint }) => endpoint === "token");
    expect(redeemed?.headers["content-type"]).toMatch(/^application\/x-www-form-urlencoded/);
    expect(Object.keys(redeemed?.body ?? {}).toSorted()).toEqual(["client_id", "code", "code_verifier", "grant_type", "redirect_uri"]);
  });

  it("and the one who cancels is not signed in, and the shell says so", async () => {
    const command = login();
    await walk(await addressOf(command), "Cancel");
    expect(await command.ended).toBe(1);
    expect(command.errors()).toContain("not signed in: the sign-in was declined at the provider (access_denied)");
    expect(stack.openai.callsTo("token")).toBe(0);
  });

  it("and again when OpenAI has ended it, which mends what the service has", async () => {
    const { table } = await signIn();
    stack.time.nowMs += 3_600_000;
    stack.openai.end("auth0|ada");
    expect(await refreshed(table["connection"])).toMatchObject({ status: 401 });
    const again = await signIn();
    expect(again.table["account"]).toBe(table["account"]);
    const { accessToken } = tokensOf(await refreshed(again.table["connection"]));
    expect(await called(accessToken)).toBe(200);
    expect(stack.openai.presentedTwice).toEqual([]);
  });
});
