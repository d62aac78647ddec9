import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { eventually } from "../support/eventually.ts";
import { type DashboardRig, startDashboardRig, type Visitor } from "./dashboard-rig.ts";

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

const isConnected = () => page.locator("[data-live=connected]").waitFor();
const liveText = async () => (await page.locator("[data-live]").textContent()) ?? "";

describe("the dashboard's live connection", () => {
  it("says as whom it is connected, in green, and counts; the token is in no address, answer or log", async () => {
    let token = "";
    await page.route("**/api/auth/backend-token", async (route) => {
      const response = await route.fetch();
      ({ token } = (await response.json()) as { token: string });
      await route.fulfill({ response });
    });
    await visitor.register();
    const opened = page.waitForEvent("websocket");
    await visitor.press("Go live");
    expect(new URL((await opened).url()).href).toBe(`${rig.dashboard.url.replace("http", "ws")}/api/live`);
    await isConnected();
    const userId = await visitor.shownUserId();
    expect(await liveText()).toBe(`live: connected as ${userId}`);
    const { red, green } = await visitor.colourOf("[data-live=connected]");
    expect(green).toBeGreaterThan(red + 40);
    await visitor.text("1 heartbeat");
    await visitor.text(/^[2-9] heartbeats$/);
    await visitor.screenshot("live");
    await visitor.press("Disconnect");
    await visitor.text("Not connected.");
    await eventually("the end in the log", () => rig.everyLine().includes("live closed"));
    const about = rig
      .everyLine()
      .split("\n")
      .filter((line) => line.includes('"msg":"live'));
    for (const line of about) expect(JSON.parse(line)).toMatchObject({ user_id: userId, request_id: expect.stringMatching(/./) });
    expect(token).toMatch(/^eyJ/);
    for (const secret of [token.split(".")[2], token.split(".")[1]]) expect(rig.everyLine().includes(secret ?? "")).toBe(false);
  });

  it("is there again after a reload, and gone after a sign-out, in every tab", async () => {
    await visitor.register();
    await visitor.press("Go live");
    await isConnected();
    await page.reload();
    await isConnected();
    const other = await visitor.newTab();
    await other.page.goto("/dashboard");
    await other.press("Go live");
    await other.page.locator("[data-live=connected]").waitFor();
    const before = closedLines();
    await visitor.press("Sign out");
    await visitor.heading("Sign in once. Call any backend.");
    await other.heading("Sign in once. Call any backend.");
    await eventually("both ends", () => closedLines() === before + 2);
    await visitor.register();
    expect(await liveText()).toBe("Not connected.");
  });

  it("comes back by itself where the backend was away", async () => {
    await visitor.register();
    await visitor.press("Go live");
    await isConnected();
    await rig.without("backend", async () => {
      await visitor.text(/Trying again in \d+ s\.$/);
      await visitor.screenshot("live-backend-away");
    });
    await isConnected();
    expect(await liveText()).toBe(`live: connected as ${await visitor.shownUserId()}`);
  });

  it("gets a fresh token when its own is over, and goes on", async () => {
    await visitor.register();
    let tokens = 0;
    page.on("request", (request) => {
      if (request.url().endsWith("/api/auth/backend-token")) tokens += 1;
    });
    let connections = 0;
    // The first of them is ended as the backend ends one whose token is over.
    await page.routeWebSocket("**/api/live", (route) => {
      connections += 1;
      const isFirst = connections === 1;
      const server = route.connectToServer();
      server.onMessage((message) => {
        route.send(message);
        if (isFirst && String(message).includes("heartbeat")) void route.close({ code: 4401, reason: "token expired" });
      });
    });
    await page.goto("/dashboard");
    await visitor.press("Go live");
    await isConnected();
    expect(tokens).toBe(1);
    await eventually("a second connection", () => connections === 2);
    await isConnected();
    expect({ tokens, text: await liveText() }).toEqual({ tokens: 2, text: `live: connected as ${await visitor.shownUserId()}` });
  });
});

function closedLines(): number {
  return rig
    .everyLine()
    .split("\n")
    .filter((line) => line.includes("live closed")).length;
}
