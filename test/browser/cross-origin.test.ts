import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type PageServer, startPageServer } from "../../examples/page-server.ts";
import { startStack, type Stack } from "../../examples/stack.ts";
import { launchBrowser } from "../support/browser.ts";

let browser: Browser;
let listed: PageServer;
let unlisted: PageServer;
let stack: Stack;

beforeAll(async () => {
  browser = await launchBrowser();
  listed = await startPageServer(0);
  unlisted = await startPageServer(0);
  stack = await startStack({ webOrigin: listed.origin, seams: { logDestination: { write: () => undefined } } });
}, 60_000);

afterAll(async () => {
  await browser.close();
  await stack.close();
  await listed.close();
  await unlisted.close();
});

async function openPage(server: PageServer): Promise<{ page: Page; console: string[] }> {
  const page = await browser.newPage();
  const console: string[] = [];
  page.on("console", (message) => console.push(message.text()));
  await page.goto(server.origin);
  return { page, console };
}

const requests = [
  { what: "an RPC by Connect-Web", path: "/cambio.v1.TokenExchangeService/CreateAuthorizationUrl", type: "application/json" },
  { what: "an RPC by gRPC-Web", path: "/cambio.v1.TokenExchangeService/CreateAuthorizationUrl", type: "application/grpc-web+proto" },
  { what: "the plain route", path: "/api/auth/exchange", type: "application/json" },
  {
    what: "an RPC in a request that needs no preflight",
    path: "/cambio.v1.TokenExchangeService/CreateAuthorizationUrl",
    type: "text/plain",
  },
];

/** The status that a page's own script sees; undefined: the browser gives it nothing. */
function post(page: Page, { path, type }: { path: string; type: string }): Promise<number | undefined> {
  const sent = { url: `${stack.url}${path}`, type };
  return page.evaluate(
    ({ url, type: contentType }) =>
      fetch(url, { method: "POST", headers: { "content-type": contentType }, body: "{}" }).then(
        (response) => response.status,
        () => undefined,
      ),
    sent,
  );
}

describe("a page on an origin that no client lists", () => {
  it.each(requests)("is given nothing of $what by the browser", async (request) => {
    const { page, console } = await openPage(unlisted);
    expect(await post(page, request)).toBeUndefined();
    expect(console.join("\n")).toMatch(/blocked by CORS policy/);
    await page.close();
  });

  it("cannot begin a flow", async () => {
    unlisted.tell({
      cambio: stack.url,
      clientId: "web",
      redirectUri: stack.web.redirectUri,
      audience: "orders",
      exchangePath: "/api/auth/exchange",
    });
    const { page } = await openPage(unlisted);
    await page.locator("#settings dd").first().waitFor();
    await page.locator("#begin").click();
    await page.locator("#calls article[data-ok=false]").waitFor();
    expect(await page.locator("#sign-in").isDisabled()).toBe(true);
    await page.close();
  });
});

describe("a page on a listed origin", () => {
  it.each(requests)("is given the status of $what, so that the refusals above are the origin's doing", async (request) => {
    const { page } = await openPage(listed);
    expect(await post(page, request)).toBeGreaterThanOrEqual(200);
    await page.close();
  });
});
