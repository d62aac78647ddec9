import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { eventually } from "../support/eventually.ts";
import { type DashboardRig, newPerson, password, startDashboardRig, type Visitor } from "./dashboard-rig.ts";

let rig: DashboardRig;
let visitor: Visitor;
let page: Page;

beforeAll(async () => {
  rig = await startDashboardRig();
}, 90_000);

afterAll(() => rig.close());

beforeEach(async () => {
  visitor = await rig.visit();
  ({ page } = visitor);
});

afterEach(() => visitor.leave());

describe("the journey through the dashboard", () => {
  it("greets a visitor and shows both ways in", async () => {
    await page.goto("/");
    await visitor.heading("Sign in once. Call any backend.");
    expect(await page.getByRole("link", { name: "Sign in", exact: true }).getAttribute("href")).toBe("/login");
    await visitor.screenshot("home");
    await page.getByRole("link", { name: "Create an account" }).click();
    await visitor.heading("Create an account");
    // Nobody has configured it.
    expect(await page.getByText("Discord").count()).toBe(0);
    await visitor.screenshot("register");
  });

  it("registers somebody, and shows name, e-mail and user id of the session", async () => {
    const person = await visitor.register();
    expect(new URL(page.url()).pathname).toBe("/dashboard");
    expect(await page.locator("[data-fact=name]").textContent()).toBe(person.Name);
    expect(await page.locator("[data-fact=email]").textContent()).toBe(person["E-mail"]);
    expect(await visitor.shownUserId()).toMatch(/^\w{10,}$/);
    await visitor.screenshot("dashboard");
  });

  it("calls the backend with Cambio's token and shows the backend's user id, the session's own, in green", async () => {
    await visitor.register();
    await visitor.press();
    await visitor.result("answered").waitFor();
    expect(await page.locator("[data-fact=backend-user-id]").textContent()).toBe(await visitor.shownUserId());
    const { red, green } = await visitor.colourOf("[data-fact=backend-user-id]");
    expect(green).toBeGreaterThan(red + 40);
    await visitor.screenshot("answered");
  });

  it("keeps the token: two calls are one exchange", async () => {
    await visitor.register();
    let exchanges = 0;
    page.on("request", (request) => {
      if (request.url().endsWith("/api/auth/backend-token")) exchanges += 1;
    });
    for (let call = 1; call <= 2; call += 1) {
      const answered = visitor.answerOf("/api/protected");
      await visitor.press();
      expect((await answered).status()).toBe(200);
      await visitor.result("answered").waitFor();
    }
    expect(exchanges).toBe(1);
  });

  it("writes request id and user id of the exchange and of the call to the logs, and no token", async () => {
    await visitor.register();
    const userId = await visitor.shownUserId();
    let token = "";
    await page.route("**/api/auth/backend-token", async (route) => {
      const response = await route.fetch();
      ({ token } = (await response.json()) as { token: string });
      await route.fulfill({ response });
    });
    const answers = [visitor.answerOf("/api/auth/backend-token"), visitor.answerOf("/api/protected")] as const;
    await visitor.press();
    const [exchanged, called] = await Promise.all(answers);
    await page.unrouteAll({ behavior: "wait" });
    for (const [part, answer] of [
      ["cambio", exchanged],
      ["backend", called],
    ] as const) {
      const requestId = answer.headers()["x-request-id"];
      await eventually(`a line of ${part} that names the user`, () => rig.linesOf(part, requestId).join("\n").includes(userId));
    }
    expect(JSON.parse(rig.linesOf("backend", called.headers()["x-request-id"])[0] ?? "")).toMatchObject({
      request_id: called.headers()["x-request-id"],
      user_id: userId,
      path: "/api/protected",
      status: 200,
    });
    expect(token).toMatch(/^eyJ/);
    for (const secret of [token.split(".")[2], token.split(".")[1], password]) expect(rig.everyLine().includes(secret ?? "")).toBe(false);
  });

  it("keeps the session over a reload, and opens the dashboard for whoever comes to sign in again", async () => {
    const person = await visitor.register();
    await page.reload();
    await visitor.heading(`Hello, ${person.Name}`);
    await page.goto("/login");
    await visitor.heading(`Hello, ${person.Name}`);
    expect(new URL(page.url()).pathname).toBe("/dashboard");
  });

  it("signs out to the first page, and then knows nobody", async () => {
    const person = await visitor.register();
    await visitor.press();
    await visitor.result("answered").waitFor();
    await visitor.press("Sign out");
    await visitor.heading("Sign in once. Call any backend.");
    expect(new URL(page.url()).pathname).toBe("/");
    expect(await page.getByText(person.Name).count()).toBe(0);
    expect((await page.request.get("/api/auth/backend-token")).status()).toBe(401);
    await page.goBack();
    await visitor.heading("Welcome back");
  });

  it("signs out in every tab, and a token that another tab held is gone", async () => {
    const person = await visitor.register();
    const other = await visitor.newTab();
    await other.page.goto("/dashboard");
    await other.heading(`Hello, ${person.Name}`);
    await other.press();
    await other.result("answered").waitFor();
    await visitor.press("Sign out");
    await visitor.heading("Sign in once. Call any backend.");
    await other.heading("Sign in once. Call any backend.");
    expect(new URL(other.page.url()).pathname).toBe("/");
    await other.screenshot("signed-out-in-another-tab");

    // Somebody else in the same browser gets a token of their own in the tab that had one.
    await visitor.register(newPerson("Grace Hopper"));
    await other.page.goto("/dashboard");
    await other.press();
    await other.result("answered").waitFor();
    expect(await other.page.locator("[data-fact=backend-user-id]").textContent()).toBe(await visitor.shownUserId());
  });

  it("sends an anonymous visitor of the dashboard to sign in, and from there to the dashboard", async () => {
    const person = await visitor.register();
    await visitor.press("Sign out");
    await visitor.heading("Sign in once. Call any backend.");
    await page.goto("/dashboard");
    await visitor.heading("Welcome back");
    expect(new URL(page.url()).pathname).toBe("/login");
    await visitor.screenshot("sent-to-sign-in");
    await visitor.write({ "E-mail": person["E-mail"], Password: person.Password });
    await visitor.press("Sign in");
    await visitor.heading(`Hello, ${person.Name}`);
  });
});
