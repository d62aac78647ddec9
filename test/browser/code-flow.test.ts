import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type PageServer, startPageServer } from "../../examples/page-server.ts";
import { startStack, type Stack } from "../../examples/stack.ts";
import { launchBrowser } from "../support/browser.ts";

// Three origins on localhost: the page, Cambio, the provider.
let browser: Browser;
let site: PageServer;
let stack: Stack;
let logged: string[];

beforeAll(async () => {
  logged = [];
  browser = await launchBrowser();
  site = await startPageServer(0);
  stack = await startStack({ webOrigin: site.origin, seams: { logDestination: { write: (line) => logged.push(line) } } });
  site.tell(settings(site));
}, 60_000);

afterAll(async () => {
  await browser.close();
  await stack.close();
  await site.close();
});

function settings(server: PageServer) {
  const redirectUri = `${server.origin}/callback`;
  return { cambio: stack.url, clientId: "web", redirectUri, audience: "orders", exchangePath: "/api/auth/exchange" };
}

interface Shown {
  readonly ok: boolean;
  readonly response: Record<string, unknown>;
  readonly requestId: string;
}

/** Presses a button and reads the message that appears for it. */
async function press(page: Page, id: string, title: string): Promise<Shown> {
  const cards = page.locator("#calls article");
  const before = await cards.count();
  await page.locator(`#${id}`).click();
  await page.locator(`#calls article:nth-child(1):nth-last-child(${before + 1})`).waitFor();
  const card = cards.first();
  expect(await card.getAttribute("data-title")).toBe(title);
  const facts = (await card.locator(".facts").textContent()) ?? "";
  return {
    ok: (await card.getAttribute("data-ok")) === "true",
    response: JSON.parse((await card.locator("[data-part=response] pre").textContent()) ?? "") as Record<string, unknown>,
    requestId: /x-request-id (\S+)/.exec(facts)?.[1] ?? "",
  };
}

/** To the provider's own pages and back, as a person would. */
async function signIn(page: Page): Promise<void> {
  await page.locator("#sign-in").click();
  await page.locator("input[name=login]").fill("alice");
  await page.locator("input[name=password]").fill("any");
  await page.locator("button[type=submit]").click();
  await page.locator("input[name=prompt][value=consent]").waitFor({ state: "attached" });
  expect(new URL(page.url()).origin).toBe(stack.identityProvider.issuer);
  await page.locator("button[type=submit]").click();
  await page.waitForURL(`${site.origin}/`);
}

const ways = [
  {
    way: "the Exchange RPC over Connect-Web",
    exchange: "exchange-connect",
    title: "Exchange by Connect",
    refresh: ["refresh-connect", "Refresh by Connect"],
    request: { path: "/cambio.v1.TokenExchangeService/Exchange", type: "application/json" },
    tokensOf: rpcTokens,
    errorOf: rpcError,
  },
  {
    way: "the Exchange RPC over gRPC-Web",
    exchange: "exchange-grpc-web",
    title: "Exchange by gRPC-Web",
    refresh: ["refresh-grpc-web", "Refresh by gRPC-Web"],
    request: { path: "/cambio.v1.TokenExchangeService/Exchange", type: "application/grpc-web+proto" },
    tokensOf: rpcTokens,
    errorOf: rpcError,
  },
  {
    way: "POST /api/auth/exchange",
    exchange: "exchange-route",
    title: "POST /api/auth/exchange",
    refresh: ["refresh-connect", "Refresh by Connect"],
    request: { path: "/api/auth/exchange", type: "application/json" },
    tokensOf: routeTokens,
    errorOf: routeError,
  },
] as const;

function rpcTokens({ response }: Shown) {
  const { accessToken, tokenType, refreshToken } = response["tokens"] as Record<string, string>;
  return { accessToken, tokenType, refreshToken };
}

function routeTokens({ response }: Shown) {
  const body = response["body"] as Record<string, string>;
  return { accessToken: body["access_token"], tokenType: body["token_type"], refreshToken: body["refresh_token"] };
}

function rpcError({ response }: Shown) {
  const [detail] = response["details"] as Record<string, string>[];
  expect(response["code"]).toBe("failed_precondition");
  return { reason: detail?.["reason"]?.replace("ERROR_REASON_", ""), oauth: detail?.["oauthError"], requestId: detail?.["requestId"] };
}

function routeError({ response }: Shown) {
  expect(response["status"]).toBe(400);
  const body = response["body"] as Record<string, string>;
  return { reason: body["reason"], oauth: body["error"], requestId: body["request_id"] };
}

describe.each(ways)("a page of another origin redeems a real code by $way", ({ exchange, title, refresh, request, tokensOf, errorOf }) => {
  let page: Page;
  let first: Shown;

  beforeAll(async () => {
    page = await browser.newPage();
    await page.goto(site.origin);
    await press(page, "begin", "CreateAuthorizationUrl by Connect");
    await signIn(page);
  });

  afterAll(() => page.close());

  it("gets tokens, and a handle instead of the provider's refresh token", async () => {
    const redeemed = stack.identityProvider.callsTo("/token");
    const sent = page.waitForRequest((one) => one.method() === "POST" && new URL(one.url()).pathname === request.path);
    first = await press(page, exchange, title);
    expect(first).toMatchObject({ ok: true });
    expect(tokensOf(first)).toEqual({
      accessToken: expect.stringMatching(/^eyJ/),
      tokenType: "Bearer",
      refreshToken: expect.stringMatching(/^cambio_rt_/),
    });
    expect(stack.identityProvider.callsTo("/token")).toBe(redeemed + 1);
    const headers = await (await sent).allHeaders();
    expect(headers).toMatchObject({ origin: site.origin, "content-type": request.type });
  });

  it("reads the request id, because the header is exposed to it", () => {
    expect(first.requestId).toMatch(/^[\w.-]{1,64}$/);
    expect(logged.join("")).toContain(first.requestId);
  });

  it("reads why the same code is refused, reason and request id included, and the provider is not asked again", async () => {
    const redeemed = stack.identityProvider.callsTo("/token");
    const refused = await press(page, "again", title);
    expect(refused.ok).toBe(false);
    expect(errorOf(refused)).toEqual({ reason: "GRANT_INVALID", oauth: "invalid_grant", requestId: refused.requestId });
    expect(refused.requestId).not.toBe("");
    expect(stack.identityProvider.callsTo("/token")).toBe(redeemed);
  });

  it("refreshes with its handle and gets a new one", async () => {
    const [button, refreshTitle] = refresh;
    const fresh = await press(page, button, refreshTitle);
    expect(fresh).toMatchObject({ ok: true });
    expect(rpcTokens(fresh).refreshToken).toMatch(/^cambio_rt_/);
    expect(rpcTokens(fresh).refreshToken).not.toBe(tokensOf(first).refreshToken);
    expect(rpcTokens(fresh).accessToken).not.toBe(tokensOf(first).accessToken);
  });
});

it("writes no token, code or verifier of the flow to the log", async () => {
  const page = await browser.newPage();
  await page.goto(site.origin);
  await press(page, "begin", "CreateAuthorizationUrl by Connect");
  await signIn(page);
  const secrets = await page.locator("#begun dd:nth-of-type(1), #returned dd:nth-of-type(1)").allTextContents();
  const { accessToken = "", refreshToken = "" } = rpcTokens(await press(page, "exchange-connect", "Exchange by Connect"));
  await page.close();
  expect(logged.length).toBeGreaterThan(0);
  for (const secret of [...secrets, accessToken, refreshToken]) {
    expect(secret.length).toBeGreaterThan(20);
    expect(logged.join("")).not.toContain(secret);
  }
});
