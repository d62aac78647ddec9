import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type DashboardRig, newPerson, startDashboardRig } from "./dashboard-rig.ts";

let rig: DashboardRig;

beforeAll(async () => {
  rig = await startDashboardRig();
}, 90_000);

afterAll(() => rig.close());

it("says that it waits for the session and for the answer", async () => {
  const visitor = await rig.visit();
  const { page } = visitor;
  await visitor.register();
  const held = Promise.withResolvers<void>();
  await page.route(/get-session|backend-token/, async (route) => {
    await held.promise;
    await route.continue();
  });
  await visitor.press();
  await visitor.text("Getting a token, calling the backend…");
  expect(await page.getByRole("button", { name: "Test protected endpoint" }).isDisabled()).toBe(true);
  await visitor.screenshot("calling");
  await page.reload();
  await visitor.text("Looking for your session…");
  await page.evaluate(`Promise.all(document.querySelector(".skeleton").getAnimations().map((one) => one.finished)).then(() => true)`);
  await visitor.screenshot("loading");
  held.resolve();
  await visitor.heading("Hello, Ada Lovelace");
  await page.unrouteAll({ behavior: "wait" });
  await visitor.leave();
});

describe.each(["light", "dark"] as const)("where one prefers %s", (colorScheme) => {
  it("fits into a phone's 360 by 740 without scrolling sideways, with long names and mistakes as well", async () => {
    const phone = await rig.visit({ colorScheme, viewport: { width: 360, height: 740 } });
    const fits = async (name: string): Promise<void> => {
      await phone.screenshot(`phone-${colorScheme}-${name}`);
      const widths = await phone.page.evaluate("[document.documentElement.scrollWidth, document.body.scrollWidth]");
      expect({ name, widths }).toEqual({ name, widths: [360, 360] });
    };
    await phone.page.goto("/");
    await phone.heading("Sign in once. Call any backend.");
    await fits("home");
    await phone.page.goto("/login");
    await phone.heading("Welcome back");
    await fits("login");
    await phone.page.goto("/register");
    await phone.press("Create account");
    await fits("register-mistakes");
    await phone.register(newPerson("Wolfeschlegelsteinhausenbergerdorff the Elder"));
    await fits("dashboard");
    await phone.press();
    await phone.result("answered").waitFor();
    await fits("answered");
    await phone.press("Call it without a token");
    await phone.result("failed").waitFor();
    await fits("failed");
    await phone.leave();
  });

  it("shows the same on a wide screen, and where the keyboard is", async () => {
    const visitor = await rig.visit({ colorScheme });
    await visitor.page.goto("/");
    await visitor.heading("Sign in once. Call any backend.");
    await visitor.screenshot(`wide-${colorScheme}-home`);
    await visitor.register();
    await visitor.press();
    await visitor.result("answered").waitFor();
    await visitor.screenshot(`wide-${colorScheme}-answered`);
    expect(await visitor.page.evaluate("document.documentElement.scrollWidth")).toBe(1180);
    await visitor.page.keyboard.press("Tab");
    await visitor.screenshot(`wide-${colorScheme}-focus`);
    expect(await visitor.page.evaluate("getComputedStyle(document.activeElement).outlineStyle")).toBe("solid");
    await visitor.leave();
  });
});

it("serves the page under a policy that allows no inline script, and of other origins only pictures of Discord's", async () => {
  const visitor = await rig.visit();
  const answer = await visitor.page.goto("/");
  const policy = answer?.headers()["content-security-policy"] ?? "";
  expect(policy).toContain("default-src 'none'");
  expect(policy).toContain("script-src 'self'");
  expect(policy).not.toContain("unsafe");
  expect(policy.match(/https?:[^ ;]+/g)).toEqual(["https://cdn.discordapp.com"]);
  expect(await visitor.page.locator("script:not([src]), style, [style], [onclick]").count()).toBe(0);
  await visitor.leave();
});
