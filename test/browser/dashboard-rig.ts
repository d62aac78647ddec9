// The dashboard with a real browser before it: visitors, what they do there, and what the parts logged. Screenshots of what they see
// are kept in .cache/screenshots/dashboard/.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, BrowserContext, BrowserContextOptions, Locator, Page, Response } from "playwright-core";
import { parse, stringify } from "yaml";
import { type Dashboard, realCambio, startDashboard } from "../../examples/dashboard/start-dashboard.ts";
import type { Secret } from "../../src/exchange/secret.ts";
import { launchBrowser } from "../support/browser.ts";
import { repository } from "../support/child.ts";
import type { FakeDiscord } from "../support/fake-discord.ts";

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

export interface DashboardRigOptions {
  /** Stands for Discord, as an application of whose own the dashboard is run. */
  readonly discord?: FakeDiscord;
  /** Of a PostgreSQL, in which tables are made. Default: SQLite, as the dashboard has it. */
  readonly databaseUrl?: Secret;
}

export async function startDashboardRig(options: DashboardRigOptions = {}): Promise<DashboardRig> {
  const { discord } = options;
  mkdirSync(screenshots, { recursive: true });
  const lines: { part: string; line: string }[] = [];
  const parts = new AsyncDisposableStack();
  const folder = mkdtempSync(join(tmpdir(), "cambio-dashboard-"));
  parts.defer(() => rmSync(folder, { recursive: true, force: true }));
  const onLine = (part: string, line: string) => lines.push({ part, line });
  const application = discord && { clientId: discord.client.id, clientSecret: discord.client.secret ?? "" };
  const cambio = (configuration: string) => realCambio(rewritten(configuration, folder, options));
  const dashboard = await startDashboard({ port: 0, folder, discord: application, cambio, report: () => undefined, onLine });
  discord?.registerRedirectUri(`${dashboard.url}/auth/discord`);
  parts.defer(() => dashboard.close());
  const browser = await launchBrowser();
  parts.defer(() => browser.close());
  return {
    dashboard,
    visit: (more) => visit(browser, { baseURL: dashboard.url, viewport: { width: 1180, height: 860 }, ...more }),
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

interface Written {
  database: object;
  providers: { discord?: object };
}

/** The dashboard's own configuration, but for where Discord and the database are. @returns the file to use */
function rewritten(file: string, folder: string, { discord, databaseUrl }: DashboardRigOptions): string {
  if (discord === undefined && databaseUrl === undefined) return file;
  const written = parse(readFileSync(file, "utf8")) as Written;
  if (discord !== undefined) written.providers.discord = { ...written.providers.discord, endpoints: discord.endpoints };
  if (databaseUrl !== undefined) written.database = { url: databaseUrl.reveal(), migrate_at_start: true };
  const path = join(folder, "cambio.yaml");
  writeFileSync(path, stringify(written), { mode: 0o600 });
  return path;
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
