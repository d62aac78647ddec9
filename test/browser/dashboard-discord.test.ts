// A real Chromium walks the consent page of a strict fake Discord.

import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { eventually } from "../support/eventually.ts";
import { type FakeDiscord, startFakeDiscord, usualDiscordUser } from "../support/fake-discord.ts";
import { type PostgresServer, startPostgres } from "../support/postgres-server.ts";
import { createRunCanary } from "../support/run-canary.ts";
import { type DashboardRig, startDashboardRig, type Visitor } from "./dashboard-rig.ts";

const canary = createRunCanary();
/** One pixel. */
const picture = Buffer.from("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==", "base64");

let discord: FakeDiscord;
let rig: DashboardRig;
let visitor: Visitor;
let page: Page;

/** For the tests of one suite. */
function useDashboard(database: "SQLite" | "PostgreSQL"): void {
  let postgres: PostgresServer | undefined;

  beforeAll(async () => {
    discord = await startFakeDiscord();
    postgres = database === "PostgreSQL" ? await startPostgres() : undefined;
    rig = await startDashboardRig({ discord, ...(postgres === undefined ? {} : { databaseUrl: postgres.url }) });
  }, 90_000);

  afterAll(async () => {
    for (const secret of discord.issued) canary.register("what Discord issued", secret);
    canary.saw("the logs of the dashboard", rig.everyLine());
    await rig.close();
    await discord.close();
    await postgres?.stop();
    canary.assertSilence();
  });

  beforeEach(async () => {
    visitor = await rig.visit();
    ({ page } = visitor);
    // Nothing is fetched from the real one.
    await visitor.context.route("https://cdn.discordapp.com/**", (route) => route.fulfill({ contentType: "image/png", body: picture }));
  });

  afterEach(() => visitor.leave());
}

async function toConsent(): Promise<void> {
  await page.goto("/login");
  await visitor.press("Sign in with Discord");
  await page.getByRole("button", { name: "Authorize" }).waitFor();
  expect(new URL(page.url()).origin).toBe(discord.origin);
}

async function signIn(): Promise<void> {
  await toConsent();
  await page.getByRole("button", { name: "Authorize" }).click();
  await visitor.heading("Hello, Nelly");
}

const factOf = async (name: string) => page.locator(`[data-fact=${name}]`).textContent();
const alertSays = (text: string | RegExp) => page.getByRole("alert").filter({ hasText: text, visible: true }).waitFor();

describe.each(["SQLite", "PostgreSQL"] as const)("signing in with Discord, on %s", (database) => {
  useDashboard(database);

  it("leads over the consent page to the dashboard, with name, user name, picture and user id, and leaves no code in the history", async () => {
    await signIn();
    expect(page.url()).toBe(`${rig.dashboard.url}/dashboard`);
    expect({ name: await factOf("name"), username: await factOf("username") }).toEqual({ name: "Nelly", username: "@nelly" });
    expect(await visitor.shownUserId()).toMatch(/^discord:[\w-]{8,}$/);
    const { id, avatar } = usualDiscordUser;
    expect(await page.locator("[data-fact=avatar]").getAttribute("src")).toBe(`https://cdn.discordapp.com/avatars/${id}/${avatar}.png`);
    await eventually("the picture", () => page.evaluate("document.querySelector('[data-fact=avatar]').naturalWidth === 1"));
    expect(discord.violations).toEqual([]);
    await visitor.screenshot("discord-dashboard");
  });

  it("gives a token by which the backend knows the account, in green, and so does the live connection", async () => {
    await signIn();
    const userId = await visitor.shownUserId();
    const called = visitor.answerOf("/api/protected");
    await visitor.press();
    await visitor.result("answered").waitFor();
    expect(await factOf("backend-user-id")).toBe(userId);
    await visitor.text("The same user as in your session.");
    const { red, green } = await visitor.colourOf("[data-fact=backend-user-id]");
    expect(green).toBeGreaterThan(red + 40);
    await visitor.press("Go live");
    await page.locator("[data-live=connected]").waitFor();
    expect(await page.locator("[data-live]").textContent()).toBe(`live: connected as ${userId}`);
    await visitor.screenshot("discord-answered");
    const requestId = (await called).headers()["x-request-id"];
    expect(JSON.parse(rig.linesOf("backend", requestId)[0] ?? "")).toMatchObject({ user_id: userId, status: 200 });
  });

  it("keeps somebody signed in over a reload, by a handle that no script reads, and in another tab", async () => {
    await signIn();
    const userId = await visitor.shownUserId();
    await visitor.press("Go live");
    await page.locator("[data-live=connected]").waitFor();
    await page.reload();
    await visitor.heading("Hello, Nelly");
    expect(await visitor.shownUserId()).toBe(userId);
    await page.locator("[data-live=connected]").waitFor();
    await visitor.press();
    await visitor.result("answered").waitFor();
    const other = await visitor.newTab();
    await other.page.goto("/login");
    await other.heading("Hello, Nelly");
    const [cookie, ...others] = await visitor.context.cookies();
    expect(others).toEqual([]);
    expect(cookie).toMatchObject({ name: "__Host-cambio-dashboard", httpOnly: true, secure: true, sameSite: "Strict" });
    expect(await page.evaluate("document.cookie + JSON.stringify(localStorage) + JSON.stringify(sessionStorage)")).not.toMatch(
      /cambio_rt_|eyJ/,
    );
  });

  it("shows the profile as Discord knows it now where that is asked for", async () => {
    await signIn();
    discord.users.set(usualDiscordUser.id, { ...usualDiscordUser, global_name: "Nelly the Elephant", avatar: null });
    await page.reload();
    await visitor.heading("Hello, Nelly");
    expect(await factOf("name")).toBe("Nelly");
    await visitor.press("Reload profile");
    await page.locator("[data-profile=fresh]").waitFor();
    expect(await factOf("name")).toBe("Nelly the Elephant");
    expect(await page.locator("[data-fact=avatar]").getAttribute("src")).toMatch(
      /^https:\/\/cdn\.discordapp\.com\/embed\/avatars\/[0-5]\.png$/,
    );
    discord.users.set(usualDiscordUser.id, usualDiscordUser);
  });

  it("ends with a sign-out: here, in the other tab, at Discord, and for the token that was held", async () => {
    await signIn();
    await visitor.press("Go live");
    await page.locator("[data-live=connected]").waitFor();
    const other = await visitor.newTab();
    await other.page.goto("/dashboard");
    await other.heading("Hello, Nelly");
    const revoked = discord.revoked.length;
    await visitor.press("Sign out");
    await visitor.heading("Sign in once. Call any backend.");
    await other.heading("Sign in once. Call any backend.");
    expect(await visitor.context.cookies()).toEqual([]);
    await eventually("the end at Discord", () => discord.revoked.length > revoked);
    await page.goto("/dashboard");
    await visitor.heading("Welcome back");
    await page.goto("/auth/discord?code=again&state=again");
    await alertSays("did not begin in this tab");
  });
});

describe("a sign-in with Discord that does not happen", () => {
  useDashboard("SQLite");

  it("says that somebody cancelled there, and lets them begin again", async () => {
    await toConsent();
    await page.getByRole("button", { name: "Cancel" }).click();
    await alertSays("You cancelled at Discord.");
    expect(page.url()).toBe(`${rig.dashboard.url}/login`);
    await visitor.screenshot("discord-cancelled");
    await visitor.press("Sign in with Discord");
    await page.getByRole("button", { name: "Authorize" }).click();
    await visitor.heading("Hello, Nelly");
  });

  it("refuses an answer that this tab did not ask for, and sends no code anywhere", async () => {
    const exchanges: string[] = [];
    page.on("request", (request) => {
      if (request.url().endsWith("/Exchange")) exchanges.push(request.url());
    });
    await page.goto("/auth/discord?code=planted&state=planted");
    await alertSays("This sign-in did not begin in this tab");
    expect(exchanges).toEqual([]);
  });

  it("says that Discord does not answer, where nobody knows whether it took the code", async () => {
    await toConsent();
    discord.faults.next("token", { kind: "status", status: 503, body: {} });
    await page.getByRole("button", { name: "Authorize" }).click();
    await alertSays(/Discord (does|did) not answer/);
    expect(page.url()).toBe(`${rig.dashboard.url}/login`);
    await visitor.screenshot("discord-away");
  });

  it("says that Cambio is away before anybody leaves for Discord", async () => {
    await page.goto("/login");
    await visitor.heading("Welcome back");
    await rig.without("cambio", async () => {
      await visitor.press("Sign in with Discord");
      await alertSays("Cambio does not answer.");
    });
    expect(page.url()).toBe(`${rig.dashboard.url}/login`);
  });

  it("does not take Cambio being away for nobody being signed in", async () => {
    await signIn();
    await rig.without("cambio", async () => {
      await page.reload();
      await visitor.heading("The sign-in service is away");
    });
    await visitor.press("Try again");
    await visitor.heading("Hello, Nelly");
    expect(await visitor.shownUserId()).toMatch(/^discord:/);
  });

  it.each(["light", "dark"] as const)("fits into a phone that prefers %s, the button and the profile too", async (colorScheme) => {
    const phone = await rig.visit({ colorScheme, viewport: { width: 360, height: 740 } });
    await phone.context.route("https://cdn.discordapp.com/**", (route) => route.fulfill({ contentType: "image/png", body: picture }));
    const widths = () => phone.page.evaluate("[document.documentElement.scrollWidth, document.body.scrollWidth]");
    await phone.page.goto("/login");
    await phone.page.getByRole("button", { name: "Sign in with Discord" }).waitFor();
    await phone.screenshot(`phone-${colorScheme}-discord-login`);
    expect(await widths()).toEqual([360, 360]);
    await phone.press("Sign in with Discord");
    await phone.page.getByRole("button", { name: "Authorize" }).click();
    await phone.heading("Hello, Nelly");
    await phone.press("Go live");
    await phone.page.locator("[data-live=connected]").waitFor();
    await phone.screenshot(`phone-${colorScheme}-discord-dashboard`);
    expect(await widths()).toEqual([360, 360]);
    await phone.leave();
  });

  it("keeps both ways apart: somebody with a password is somebody else", async () => {
    await signIn();
    const first = await visitor.shownUserId();
    await visitor.press("Sign out");
    await visitor.heading("Sign in once. Call any backend.");
    await visitor.register();
    await visitor.press();
    await visitor.result("answered").waitFor();
    expect(await factOf("backend-user-id")).toBe(`site:${await visitor.shownUserId()}`);
    expect(await factOf("backend-user-id")).not.toBe(first);
    await visitor.text("The same user as in your session.");
  });
});
