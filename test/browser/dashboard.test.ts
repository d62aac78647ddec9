import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, BrowserContext, Page, Response } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createBackend } from "../../examples/dashboard/backend.ts";
import { listen } from "../../examples/dashboard/serve.ts";
import { type Dashboard, startDashboard } from "../../examples/dashboard/start-dashboard.ts";
import { launchBrowser } from "../support/browser.ts";
import { repository } from "../support/child.ts";
import { cambioCommand } from "../support/dashboard-cambio.ts";
import { eventually } from "../support/eventually.ts";

const screenshots = join(repository, ".cache/screenshots/dashboard");
const password = "correct horse";
const audience = "https://backend.dashboard.example";

let browser: Browser;
let dashboard: Dashboard;
let folder: string;
let context: BrowserContext;
let page: Page;
let complaints: string[];
const lines: { part: string; line: string }[] = [];
let people = 0;

beforeAll(async () => {
  mkdirSync(screenshots, { recursive: true });
  folder = mkdtempSync(join(tmpdir(), "cambio-dashboard-"));
  browser = await launchBrowser();
  dashboard = await startDashboard({
    port: 0,
    folder,
    cambio: cambioCommand,
    report: () => undefined,
    onLine: (part, line) => lines.push({ part, line }),
  });
}, 90_000);

afterAll(async () => {
  await browser.close();
  await dashboard.close();
  rmSync(folder, { recursive: true, force: true });
});

beforeEach(async () => {
  ({ context, page, complaints } = await newVisitor());
});

afterEach(async () => {
  // Refused requests are part of some journeys; a script or a style that the page's own policy refuses is part of none.
  const unexpected = complaints.filter((text) => !text.startsWith("Failed to load resource"));
  await context.close();
  if (unexpected.length > 0) throw new Error(`the page complained: ${unexpected.join("; ")}`);
});

async function newVisitor(options: Parameters<Browser["newContext"]>[0] = {}) {
  const visitor = await browser.newContext({ baseURL: dashboard.url, viewport: { width: 1180, height: 860 }, ...options });
  const opened = await visitor.newPage();
  const heard: string[] = [];
  opened.on("console", (message) => {
    if (message.type() === "error") heard.push(message.text());
  });
  opened.on("pageerror", (error) => heard.push(error.message));
  return { context: visitor, page: opened, complaints: heard };
}

function keepScreenshot(name: string, of = page): Promise<unknown> {
  return of.screenshot({ path: join(screenshots, `${name}.png`), fullPage: true });
}

async function fill(fields: Readonly<Record<string, string>>, on = page): Promise<void> {
  for (const [label, value] of Object.entries(fields)) await on.getByLabel(label, { exact: true }).fill(value);
}

/** Somebody new each time. */
function newPerson(name = "Ada Lovelace") {
  people += 1;
  return { Name: name, "E-mail": `ada.${people}@example.com`, Password: password };
}

async function registered(person = newPerson(), on = page): Promise<typeof person> {
  await on.goto("/register");
  await fill(person, on);
  await on.getByRole("button", { name: "Create account" }).click();
  await on.getByRole("heading", { name: `Hello, ${person.Name}` }).waitFor();
  return person;
}

async function signIn(email: string, secret: string): Promise<void> {
  await page.goto("/login");
  await fill({ "E-mail": email, Password: secret });
  await page.getByRole("button", { name: "Sign in" }).click();
}

async function press(name = "Test protected endpoint"): Promise<void> {
  await page.getByRole("button", { name }).click();
}

function result(kind: "answered" | "failed") {
  return page.locator(`[data-result=${kind}]`);
}

function shownUserId(): Promise<string | null> {
  return page.locator("[data-fact=user-id]").textContent();
}

function heading(name: string, on = page): Promise<void> {
  return on.getByRole("heading", { level: 1, name }).waitFor();
}

function answerOf(path: string): Promise<Response> {
  return page.waitForResponse((one) => new URL(one.url()).pathname === path);
}

/** Lines of a part that are about one request. */
function linesOf(part: string, requestId: string | undefined): readonly string[] {
  if (requestId === undefined) throw new Error("the answer has no request id");
  return lines.filter((one) => one.part === part && one.line.includes(requestId)).map((one) => one.line);
}

/** The colour of what is written, as red, green, blue. */
async function colourOf(selector: string): Promise<{ red: number; green: number }> {
  const text = await page.evaluate<string>(`getComputedStyle(document.querySelector(${JSON.stringify(selector)})).color`);
  const [red = 0, green = 0] = (/\d+, \d+, \d+/.exec(text)?.[0] ?? "").split(", ").map(Number);
  return { red, green };
}

const inTwentyMinutes = (): number => Date.now() + 20 * 60_000;

async function without(part: keyof Dashboard["parts"], meanwhile: () => Promise<void>): Promise<void> {
  await dashboard.parts[part].stop();
  try {
    await meanwhile();
  } finally {
    await dashboard.parts[part].start();
  }
}

describe("the journey through the dashboard", () => {
  it("greets a visitor and shows both ways in", async () => {
    await page.goto("/");
    await heading("Sign in once. Call any backend.");
    expect(await page.getByRole("link", { name: "Sign in", exact: true }).getAttribute("href")).toBe("/login");
    await keepScreenshot("home");
    await page.getByRole("link", { name: "Create an account" }).click();
    await heading("Create an account");
    await keepScreenshot("register");
  });

  it("registers somebody, and shows name, e-mail and user id of the session", async () => {
    const person = await registered();
    expect(new URL(page.url()).pathname).toBe("/dashboard");
    expect(await page.locator("[data-fact=name]").textContent()).toBe(person.Name);
    expect(await page.locator("[data-fact=email]").textContent()).toBe(person["E-mail"]);
    expect(await shownUserId()).toMatch(/^\w{10,}$/);
    await keepScreenshot("dashboard");
  });

  it("calls the backend with Cambio's token and shows the backend's user id, the session's own, in green", async () => {
    await registered();
    await press();
    await result("answered").waitFor();
    expect(await page.locator("[data-fact=backend-user-id]").textContent()).toBe(await shownUserId());
    const { red, green } = await colourOf("[data-fact=backend-user-id]");
    expect(green).toBeGreaterThan(red + 40);
    await keepScreenshot("answered");
  });

  it("keeps the token: two calls are one exchange", async () => {
    await registered();
    let exchanges = 0;
    page.on("request", (request) => {
      if (request.url().endsWith("/api/auth/backend-token")) exchanges += 1;
    });
    for (let call = 1; call <= 2; call += 1) {
      const answered = answerOf("/api/protected");
      await press();
      expect((await answered).status()).toBe(200);
      await result("answered").waitFor();
    }
    expect(exchanges).toBe(1);
  });

  it("writes request id and user id of the exchange and of the call to the logs, and no token", async () => {
    await registered();
    const userId = (await shownUserId()) ?? "";
    let token = "";
    await page.route("**/api/auth/backend-token", async (route) => {
      const response = await route.fetch();
      ({ token } = (await response.json()) as { token: string });
      await route.fulfill({ response });
    });
    const answers = [answerOf("/api/auth/backend-token"), answerOf("/api/protected")] as const;
    await press();
    const [exchanged, called] = await Promise.all(answers);
    await page.unrouteAll({ behavior: "wait" });
    for (const [part, answer] of [
      ["cambio", exchanged],
      ["backend", called],
    ] as const) {
      const requestId = answer.headers()["x-request-id"];
      await eventually(`a line of ${part}`, () => linesOf(part, requestId).length > 0);
      expect(linesOf(part, requestId).join("\n")).toContain(userId);
    }
    expect(JSON.parse(linesOf("backend", called.headers()["x-request-id"])[0] ?? "")).toMatchObject({
      request_id: called.headers()["x-request-id"],
      user_id: userId,
      path: "/api/protected",
      status: 200,
    });
    expect(token).toMatch(/^eyJ/);
    for (const secret of [token.split(".")[2], token.split(".")[1], password])
      expect(lines.some(({ line }) => line.includes(secret ?? ""))).toBe(false);
  });

  it("keeps the session over a reload, and opens the dashboard for whoever comes to sign in again", async () => {
    const person = await registered();
    await page.reload();
    await heading(`Hello, ${person.Name}`);
    await page.goto("/login");
    await heading(`Hello, ${person.Name}`);
    expect(new URL(page.url()).pathname).toBe("/dashboard");
  });

  it("signs out to the first page, and then knows nobody", async () => {
    const person = await registered();
    await press();
    await result("answered").waitFor();
    await press("Sign out");
    await heading("Sign in once. Call any backend.");
    expect(new URL(page.url()).pathname).toBe("/");
    expect(await page.getByText(person.Name).count()).toBe(0);
    expect((await page.request.get("/api/auth/backend-token")).status()).toBe(401);
    await page.goBack();
    await heading("Welcome back");
  });

  it("signs out in every tab, and a token that another tab held is gone", async () => {
    const person = await registered();
    const other = await context.newPage();
    await other.goto("/dashboard");
    await heading(`Hello, ${person.Name}`, other);
    await other.getByRole("button", { name: "Test protected endpoint" }).click();
    await other.locator("[data-result=answered]").waitFor();
    await press("Sign out");
    await heading("Sign in once. Call any backend.");
    await heading("Sign in once. Call any backend.", other);
    expect(new URL(other.url()).pathname).toBe("/");
    await keepScreenshot("signed-out-in-another-tab", other);

    // Somebody else in the same browser gets a token of their own in the tab that had one.
    await registered(newPerson("Grace Hopper"));
    await other.goto("/dashboard");
    await other.getByRole("button", { name: "Test protected endpoint" }).click();
    await other.locator("[data-result=answered]").waitFor();
    expect(await other.locator("[data-fact=backend-user-id]").textContent()).toBe(await shownUserId());
  });

  it("sends an anonymous visitor of the dashboard to sign in, and from there to the dashboard", async () => {
    const person = await registered();
    await press("Sign out");
    await heading("Sign in once. Call any backend.");
    await page.goto("/dashboard");
    await heading("Welcome back");
    expect(new URL(page.url()).pathname).toBe("/login");
    await keepScreenshot("sent-to-sign-in");
    await fill({ "E-mail": person["E-mail"], Password: person.Password });
    await page.getByRole("button", { name: "Sign in" }).click();
    await heading(`Hello, ${person.Name}`);
  });
});

describe("what is refused", () => {
  it("answers 401 to a call of the backend without a token, from the page and from anywhere", async () => {
    const bare = await fetch(`${dashboard.url}/api/protected`);
    expect(bare.status).toBe(401);
    expect(bare.headers.get("www-authenticate")).toMatch(/^Bearer\b/);
    expect(await bare.json()).toMatchObject({ error: "unauthorized" });
    await registered();
    await press("Call it without a token");
    await result("failed").waitFor();
    expect(await result("failed").textContent()).toContain("401 Unauthorized");
    const { red, green } = await colourOf("[data-result=failed] .verdict");
    expect(red).toBeGreaterThan(green + 40);
    await keepScreenshot("failed-without-token");
  });

  it("says at each field what is missing, and sends nothing", async () => {
    await page.goto("/register");
    await page.getByRole("button", { name: "Create account" }).click();
    expect(await page.locator(".field-error:visible").allTextContents()).toEqual([
      "Write your name.",
      "Write an e-mail address, such as ada@example.com.",
      "Use at least 8 characters.",
    ]);
    expect(await page.evaluate("document.activeElement.id")).toBe("name");
    await keepScreenshot("register-mistakes");
  });

  it("refuses a password of seven characters, in the page and at the server", async () => {
    await page.goto("/register");
    await fill({ ...newPerson(), Password: "1234567" });
    await page.getByRole("button", { name: "Create account" }).click();
    await page.getByText("Use at least 8 characters.").waitFor();
    expect(await page.getByLabel("Password", { exact: true }).getAttribute("aria-invalid")).toBe("true");
    await keepScreenshot("register-short-password");
    const sent = { data: { name: "Ada", email: "short@example.com", password: "1234567" }, headers: { origin: dashboard.url } };
    const answer = await page.request.post("/api/auth/sign-up/email", sent);
    expect(answer.status()).toBe(400);
    expect(await answer.json()).toMatchObject({ code: "PASSWORD_TOO_SHORT" });
  });

  it("says that an e-mail address is taken", async () => {
    const person = await registered();
    await press("Sign out");
    await heading("Sign in once. Call any backend.");
    await page.goto("/register");
    await fill(person);
    await page.getByRole("button", { name: "Create account" }).click();
    await page.getByText("There is already an account with this e-mail address.").waitFor();
    expect(await page.getByLabel("E-mail").getAttribute("aria-describedby")).toBe("email-error");
    await keepScreenshot("register-taken");
  });

  it("says that e-mail or password is wrong, and not which", async () => {
    await signIn("nobody@example.com", "wrong password");
    await page.getByText("E-mail or password is wrong.").waitFor();
    expect(new URL(page.url()).pathname).toBe("/login");
    await keepScreenshot("login-wrong");
  });

  it("asks to sign in again where the session has ended elsewhere", async () => {
    await registered();
    await page.request.post("/api/auth/sign-out", { data: {}, headers: { origin: dashboard.url } });
    await press();
    await result("failed").waitFor();
    expect(await result("failed").textContent()).toMatch(/401 Unauthorized.*Your session has ended/s);
    await keepScreenshot("failed-session-ended");
    await page.getByRole("link", { name: "Sign in again" }).click();
    await heading("Welcome back");
  });

  it("shows a token that is too old for the backend as expired, and since when", async () => {
    await registered();
    const jwksUrl = `${dashboard.url}/.well-known/jwks.json`;
    const backend = await listen(
      createBackend({ issuer: dashboard.url, audience, jwksUrl, clock: inTwentyMinutes }, () => undefined),
      0,
    );
    await page.route("**/api/protected", async (route) =>
      route.fulfill({ response: await route.fetch({ url: `${backend.url}/api/protected` }) }),
    );
    await press();
    await result("failed").waitFor();
    expect(await result("failed").textContent()).toMatch(/401 Unauthorized.*The token has expired.*It was good until \d/s);
    await keepScreenshot("failed-expired");
    await page.unrouteAll({ behavior: "wait" });
    await backend.close();
  });
});

describe("with a part away", () => {
  it("shows status and text in red where the backend is away, and green again when it is back", async () => {
    await registered();
    await without("backend", async () => {
      await press();
      await result("failed").waitFor();
      expect(await result("failed").textContent()).toMatch(/503 Service Unavailable.*The backend is away/s);
      await keepScreenshot("failed-backend-away");
    });
    await press();
    await result("answered").waitFor();
  });

  it("has words of its own for Cambio being away", async () => {
    await registered();
    await without("cambio", async () => {
      await press();
      await result("failed").waitFor();
      expect(await result("failed").textContent()).toMatch(/503 Service Unavailable.*Cambio is away.*You are still signed in/s);
      await keepScreenshot("failed-cambio-away");
    });
  });

  it("does not take the sign-in service being away for nobody being signed in", async () => {
    const person = await registered();
    await without("auth", async () => {
      await press();
      await result("failed").waitFor();
      expect(await result("failed").textContent()).toMatch(
        /503 Service Unavailable.*Cambio cannot decide.*sign-in service does not answer/s,
      );
      await keepScreenshot("failed-cambio-undecided");
      await press("Sign out");
      await page.getByRole("alert").filter({ hasText: "You are still signed in." }).waitFor();
      await keepScreenshot("sign-out-failed");
      await page.reload();
      await heading("The sign-in service is away");
      await keepScreenshot("auth-away");
    });
    await press("Try again");
    await heading(`Hello, ${person.Name}`);
  });

  it("says at the form that the sign-in service is away, and at the first page", async () => {
    await page.goto("/login");
    await heading("Welcome back");
    await without("auth", async () => {
      await fill({ "E-mail": "ada@example.com", Password: password });
      await page.getByRole("button", { name: "Sign in" }).click();
      await page.getByText("The sign-in service does not answer.").waitFor();
      await keepScreenshot("login-auth-away");
      await page.goto("/");
      await page.getByText("The sign-in service does not answer at the moment.").waitFor();
      expect(await page.getByRole("link", { name: "Create an account" }).isVisible()).toBe(true);
      await keepScreenshot("home-auth-away");
    });
  });

  it("says that nothing answers where the network is gone", async () => {
    await registered();
    await context.setOffline(true);
    await press();
    await result("failed").waitFor();
    expect(await result("failed").textContent()).toContain("Nothing answers");
    await keepScreenshot("failed-offline");
  });
});

describe("what one sees meanwhile", () => {
  it("says that it waits for the session and for the answer", async () => {
    await registered();
    const held = Promise.withResolvers<void>();
    await page.route(/get-session|backend-token/, async (route) => {
      await held.promise;
      await route.continue();
    });
    await press();
    await page.getByText("Getting a token, calling the backend…").waitFor();
    expect(await page.getByRole("button", { name: "Test protected endpoint" }).isDisabled()).toBe(true);
    await keepScreenshot("calling");
    await page.reload();
    await page.getByText("Looking for your session…").waitFor();
    await page.evaluate(`Promise.all(document.querySelector(".skeleton").getAnimations().map((one) => one.finished)).then(() => true)`);
    await keepScreenshot("loading");
    held.resolve();
    await page.getByRole("heading", { name: "Hello, Ada Lovelace" }).waitFor();
    await page.unrouteAll({ behavior: "wait" });
  });
});

describe.each(["light", "dark"] as const)("on a phone, %s", (colorScheme) => {
  it("fits into 360 by 740 without scrolling sideways, with long names and mistakes as well", async () => {
    const visitor = await newVisitor({ colorScheme, viewport: { width: 360, height: 740 } });
    const phone = visitor.page;
    const fits = async (name: string): Promise<void> => {
      await keepScreenshot(`phone-${colorScheme}-${name}`, phone);
      const widths = await phone.evaluate("[document.documentElement.scrollWidth, document.body.scrollWidth]");
      expect({ name, widths }).toEqual({ name, widths: [360, 360] });
    };
    await phone.goto("/");
    await heading("Sign in once. Call any backend.", phone);
    await fits("home");
    await phone.goto("/login");
    await heading("Welcome back", phone);
    await fits("login");
    await phone.goto("/register");
    await phone.getByRole("button", { name: "Create account" }).click();
    await fits("register-mistakes");
    await registered(newPerson("Wolfeschlegelsteinhausenbergerdorff the Elder"), phone);
    await fits("dashboard");
    await phone.getByRole("button", { name: "Test protected endpoint" }).click();
    await phone.locator("[data-result=answered]").waitFor();
    await fits("answered");
    await phone.getByRole("button", { name: "Call it without a token" }).click();
    await phone.locator("[data-result=failed]").waitFor();
    await fits("failed");
    expect(visitor.complaints.filter((text) => !text.startsWith("Failed to load resource"))).toEqual([]);
    await visitor.context.close();
  });

  it("looks as careful on a wide screen", async () => {
    const visitor = await newVisitor({ colorScheme, viewport: { width: 1180, height: 860 } });
    await registered(newPerson(), visitor.page);
    await visitor.page.getByRole("button", { name: "Test protected endpoint" }).click();
    await visitor.page.locator("[data-result=answered]").waitFor();
    await keepScreenshot(`wide-${colorScheme}-answered`, visitor.page);
    expect(await visitor.page.evaluate("document.documentElement.scrollWidth")).toBe(1180);
    await visitor.page.keyboard.press("Tab");
    await keepScreenshot(`wide-${colorScheme}-focus`, visitor.page);
    await visitor.context.close();
  });
});

it("serves the page under a policy that allows no inline script and no other origin", async () => {
  const answer = await page.goto("/");
  const policy = answer?.headers()["content-security-policy"] ?? "";
  expect(policy).toContain("default-src 'none'");
  expect(policy).toContain("script-src 'self'");
  expect(policy).not.toContain("unsafe");
  expect(await page.locator("script:not([src]), style, [style], [onclick]").count()).toBe(0);
});

it("lets nobody guess passwords without end, and says when to try again", async () => {
  const guess = { email: "guessed@example.com", password: "a wrong guess" };
  const headers = { "content-type": "application/json", origin: dashboard.url };
  const statuses = new Set<number>();
  // An address that the caller makes up counts for nothing.
  for (let attempt = 1; attempt <= 21; attempt += 1) {
    const request = { method: "POST", headers: { ...headers, "x-forwarded-for": `192.0.2.${attempt}` }, body: JSON.stringify(guess) };
    statuses.add((await fetch(`${dashboard.url}/api/auth/sign-in/email`, request)).status);
  }
  expect([...statuses]).toEqual([401, 429]);
  await signIn(guess.email, guess.password);
  await page.getByText(/^Too many attempts\. Try again in \d+ seconds\.$/).waitFor();
  await keepScreenshot("login-too-many");
});
