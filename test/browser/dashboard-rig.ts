// The dashboard with a real browser before it: visitors, what they do there, and what the parts logged. Screenshots of what they see
// are kept in .cache/screenshots/dashboard/.

import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, BrowserContext, BrowserContextOptions, Locator, Page, Response } from "playwright-core";
import { type Dashboard, realCambio, startDashboard } from "../../examples/dashboard/start-dashboard.ts";
import { launchBrowser } from "../support/browser.ts";
import { repository } from "../support/child.ts";

/** Labels of the form, and what somebody writes there. */
export type Person = Readonly<Record<"Name" | "E-mail" | "Password", string>>;

export interface Tab {
  readonly page: Page;
  write(fields: Readonly<Record<string, string>>): Promise<void>;
  /** Presses a button; by default the one that tests the endpoint. */
  press(name?: string): Promise<void>;
  heading(name: string): Promise<void>;
  text(text: string | RegExp): Promise<void>;
  result(kind: "answered" | "failed"): Locator;
  /** By the way of the form, and on to the dashboard. */
  register(person?: Person): Promise<Person>;
  signIn(email: string, password: string): Promise<void>;
  shownUserId(): Promise<string>;
  answerOf(path: string): Promise<Response>;
  colourOf(selector: string): Promise<{ readonly red: number; readonly green: number }>;
  screenshot(name: string): Promise<void>;
}

export interface Visitor extends Tab {
  readonly context: BrowserContext;
  newTab(): Promise<Tab>;
  /** @throws Error with what scripts and policies complained of */
  leave(): Promise<void>;
}

export interface DashboardRig {
  readonly dashboard: Dashboard;
  visit(options?: BrowserContextOptions): Promise<Visitor>;
  /** Lines of a part that are about one request. */
  linesOf(part: string, requestId: string | undefined): readonly string[];
  everyLine(): string;
  without(part: keyof Dashboard["parts"], meanwhile: () => Promise<void>): Promise<void>;
  close(): Promise<void>;
}

export const password = "correct horse";
const screenshots = join(repository, ".cache/screenshots/dashboard");

export async function startDashboardRig(): Promise<DashboardRig> {
  mkdirSync(screenshots, { recursive: true });
  const lines: { part: string; line: string }[] = [];
  const parts = new AsyncDisposableStack();
  const folder = mkdtempSync(join(tmpdir(), "cambio-dashboard-"));
  parts.defer(() => rmSync(folder, { recursive: true, force: true }));
  const onLine = (part: string, line: string) => lines.push({ part, line });
  const dashboard = await startDashboard({ port: 0, folder, cambio: realCambio, report: () => undefined, onLine });
  parts.defer(() => dashboard.close());
  const browser = await launchBrowser();
  parts.defer(() => browser.close());
  return {
    dashboard,
    visit: (options) => visit(browser, { baseURL: dashboard.url, viewport: { width: 1180, height: 860 }, ...options }),
    linesOf(part, requestId) {
      if (requestId === undefined) throw new Error("the answer has no request id");
      return lines.filter((one) => one.part === part && one.line.includes(requestId)).map((one) => one.line);
    },
    everyLine: () => lines.map(({ line }) => line).join("\n"),
    async without(part, meanwhile) {
      await dashboard.parts[part].stop();
      try {
        await meanwhile();
      } finally {
        await dashboard.parts[part].start();
      }
    },
    close: () => parts.disposeAsync(),
  };
}

async function visit(browser: Browser, options: BrowserContextOptions): Promise<Visitor> {
  const context = await browser.newContext(options);
  const complaints: string[] = [];
  const newTab = async (): Promise<Tab> => {
    const page = await context.newPage();
    page.on("console", (message) => {
      // Refused requests are part of some journeys; a script or a style that the page's own policy refuses is part of none.
      const isRefusedRequest = /^(Failed to load resource|WebSocket connection to .* failed)/.test(message.text());
      if (message.type() === "error" && !isRefusedRequest) complaints.push(message.text());
    });
    page.on("pageerror", (error) => complaints.push(error.message));
    return tabOf(page);
  };
  return {
    ...(await newTab()),
    context,
    newTab,
    async leave() {
      await context.close();
      if (complaints.length > 0) throw new Error(`the page complained: ${complaints.join("; ")}`);
    },
  };
}

function tabOf(page: Page): Tab {
  const tab: Tab = {
    page,
    async write(fields) {
      for (const [label, value] of Object.entries(fields)) await page.getByLabel(label, { exact: true }).fill(value);
    },
    press: (name = "Test protected endpoint") => page.getByRole("button", { name }).click(),
    heading: (name) => page.getByRole("heading", { level: 1, name }).waitFor(),
    text: (text) => page.getByText(text).waitFor(),
    result: (kind) => page.locator(`[data-result=${kind}]`),
    async register(person = newPerson()) {
      await page.goto("/register");
      await tab.write(person);
      await tab.press("Create account");
      await tab.heading(`Hello, ${person.Name}`);
      return person;
    },
    async signIn(email, secret) {
      await page.goto("/login");
      await tab.write({ "E-mail": email, Password: secret });
      await tab.press("Sign in");
    },
    shownUserId: async () => (await page.locator("[data-fact=user-id]").textContent()) ?? "",
    answerOf: (path) => page.waitForResponse((one) => new URL(one.url()).pathname === path),
    async colourOf(selector) {
      const text = await page.evaluate<string>(`getComputedStyle(document.querySelector(${JSON.stringify(selector)})).color`);
      const [red = 0, green = 0] = (/\d+, \d+, \d+/.exec(text)?.[0] ?? "").split(", ").map(Number);
      return { red, green };
    },
    async screenshot(name) {
      await page.screenshot({ path: join(screenshots, `${name}.png`), fullPage: true });
    },
  };
  return tab;
}

/** Somebody new each time. */
export function newPerson(name = "Ada Lovelace"): Person {
  return { Name: name, "E-mail": `${crypto.randomUUID().slice(0, 8)}@example.com`, Password: password };
}
