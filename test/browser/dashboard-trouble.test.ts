import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createBackend } from "../../examples/dashboard/backend.ts";
import { listen } from "../../examples/dashboard/serve.ts";
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

const audience = "https://backend.dashboard.example";
const inTwentyMinutes = (): number => Date.now() + 20 * 60_000;

describe("what is refused", () => {
  it("answers 401 to a call of the backend without a token, from the page and from anywhere", async () => {
    const bare = await fetch(`${rig.dashboard.url}/api/protected`);
    expect(bare.status).toBe(401);
    expect(bare.headers.get("www-authenticate")).toMatch(/^Bearer\b/);
    expect(await bare.json()).toMatchObject({ error: "unauthorized" });
    await visitor.register();
    await visitor.press("Call it without a token");
    await visitor.result("failed").waitFor();
    expect(await visitor.result("failed").textContent()).toContain("401 Unauthorized");
    const { red, green } = await visitor.colourOf("[data-result=failed] .verdict");
    expect(red).toBeGreaterThan(green + 40);
    await visitor.screenshot("failed-without-token");
  });

  it("says at each field what is missing, and sends nothing", async () => {
    await page.goto("/register");
    await visitor.press("Create account");
    expect(await page.locator(".field-error:visible").allTextContents()).toEqual([
      "Write your name.",
      "Write an e-mail address, such as ada@example.com.",
      "Use at least 8 characters.",
    ]);
    expect(await page.evaluate("document.activeElement.id")).toBe("name");
    await visitor.screenshot("register-mistakes");
  });

  it("refuses a password of seven characters, in the page and at the server", async () => {
    await page.goto("/register");
    await visitor.write({ ...newPerson(), Password: "1234567" });
    await visitor.press("Create account");
    await visitor.text("Use at least 8 characters.");
    expect(await page.getByLabel("Password", { exact: true }).getAttribute("aria-invalid")).toBe("true");
    await visitor.screenshot("register-short-password");
    const sent = { data: { name: "Ada", email: "short@example.com", password: "1234567" }, headers: { origin: rig.dashboard.url } };
    const answer = await page.request.post("/api/auth/sign-up/email", sent);
    expect(answer.status()).toBe(400);
    expect(await answer.json()).toMatchObject({ code: "PASSWORD_TOO_SHORT" });
  });

  it("says that an e-mail address is taken", async () => {
    const person = await visitor.register();
    await visitor.press("Sign out");
    await visitor.heading("Sign in once. Call any backend.");
    await page.goto("/register");
    await visitor.write(person);
    await visitor.press("Create account");
    await visitor.text("There is already an account for this address.");
    expect(await page.getByLabel("E-mail").getAttribute("aria-describedby")).toBe("email-error");
    await visitor.screenshot("register-taken");
  });

  it("says that e-mail or password is wrong, and not which", async () => {
    await visitor.signIn("nobody@example.com", "wrong password");
    await visitor.text("E-mail or password is wrong.");
    expect(new URL(page.url()).pathname).toBe("/login");
    await visitor.screenshot("login-wrong");
  });

  it("asks to sign in again where the session has ended elsewhere", async () => {
    await visitor.register();
    await page.request.post("/api/auth/sign-out", { data: {}, headers: { origin: rig.dashboard.url } });
    await visitor.press();
    await visitor.result("failed").waitFor();
    expect(await visitor.result("failed").textContent()).toMatch(/401 Unauthorized.*Your session has ended/s);
    await visitor.screenshot("failed-session-ended");
    await page.getByRole("link", { name: "Sign in again" }).click();
    await visitor.heading("Welcome back");
  });

  it("shows a token that is too old for the backend as expired, and since when", async () => {
    await visitor.register();
    const jwksUrl = `${rig.dashboard.url}/.well-known/jwks.json`;
    const backend = await listen(
      createBackend(
        { pageOrigin: rig.dashboard.url, issuer: rig.dashboard.url, audience, jwksUrl, clock: inTwentyMinutes },
        () => undefined,
      ),
      0,
    );
    await page.route("**/api/protected", async (route) =>
      route.fulfill({ response: await route.fetch({ url: `${backend.url}/api/protected` }) }),
    );
    await visitor.press();
    await visitor.result("failed").waitFor();
    expect(await visitor.result("failed").textContent()).toMatch(/401 Unauthorized.*The token has expired.*It was good until \d/s);
    await visitor.screenshot("failed-expired");
    await page.unrouteAll({ behavior: "wait" });
    await backend.close();
  });
});

describe("with a part away", () => {
  it("shows status and text in red where the backend is away, and green again when it is back", async () => {
    await visitor.register();
    await rig.without("backend", async () => {
      await visitor.press();
      await visitor.result("failed").waitFor();
      expect(await visitor.result("failed").textContent()).toMatch(/503 Service Unavailable.*The backend is away/s);
      await visitor.screenshot("failed-backend-away");
    });
    await visitor.press();
    await visitor.result("answered").waitFor();
  });

  it("has words of its own for Cambio being away", async () => {
    await visitor.register();
    await rig.without("cambio", async () => {
      await visitor.press();
      await visitor.result("failed").waitFor();
      expect(await visitor.result("failed").textContent()).toMatch(/503 Service Unavailable.*Cambio is away.*You are still signed in/s);
      await visitor.screenshot("failed-cambio-away");
    });
  });

  it("does not take the sign-in service being away for nobody being signed in", async () => {
    const person = await visitor.register();
    await rig.without("auth", async () => {
      await visitor.press();
      await visitor.result("failed").waitFor();
      expect(await visitor.result("failed").textContent()).toMatch(
        /503 Service Unavailable.*Cambio cannot decide.*sign-in service does not answer/s,
      );
      await visitor.screenshot("failed-cambio-undecided");
      await visitor.press("Sign out");
      await page.getByRole("alert").filter({ hasText: "You are still signed in." }).waitFor();
      await visitor.screenshot("sign-out-failed");
      await page.reload();
      await visitor.heading("The sign-in service is away");
      await visitor.screenshot("auth-away");
    });
    await visitor.press("Try again");
    await visitor.heading(`Hello, ${person.Name}`);
  });

  it("says at the form that the sign-in service is away, and at the first page", async () => {
    await page.goto("/login");
    await visitor.heading("Welcome back");
    await rig.without("auth", async () => {
      await visitor.write({ "E-mail": "ada@example.com", Password: password });
      await visitor.press("Sign in");
      await visitor.text("The sign-in service does not answer.");
      await visitor.screenshot("login-auth-away");
      await page.goto("/");
      await visitor.text("The sign-in service does not answer at the moment.");
      expect(await page.getByRole("link", { name: "Create an account" }).isVisible()).toBe(true);
      await visitor.screenshot("home-auth-away");
    });
  });

  it("says that nothing answers where the network is gone", async () => {
    await visitor.register();
    await visitor.context.setOffline(true);
    await visitor.press();
    await visitor.result("failed").waitFor();
    expect(await visitor.result("failed").textContent()).toContain("The server cannot be reached");
    await visitor.screenshot("failed-offline");
  });
});

it("lets nobody guess passwords without end, and says when to try again", async () => {
  const guess = { email: "guessed@example.com", password: "a wrong guess" };
  const headers = { "content-type": "application/json", origin: rig.dashboard.url };
  const statuses = new Set<number>();
  // An address that the caller makes up counts for nothing.
  for (let attempt = 1; attempt <= 21; attempt += 1) {
    const request = { method: "POST", headers: { ...headers, "x-forwarded-for": `192.0.2.${attempt}` }, body: JSON.stringify(guess) };
    statuses.add((await fetch(`${rig.dashboard.url}/api/auth/sign-in/email`, request)).status);
  }
  expect([...statuses]).toEqual([401, 429]);
  await visitor.signIn(guess.email, guess.password);
  await visitor.text(/^Too many attempts\. Try again in \d+ seconds\.$/);
  await visitor.screenshot("login-too-many");
});
