import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { build } from "esbuild";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { launchBrowser } from "../support/browser.ts";

// The page at one origin, exchange and API at another, as they are in production.
let browser: Browser;
let site: Server;
let backend: Server;
let script: string;
let context: BrowserContext;
const state = { signedIn: true, exchanges: 0, expired: "" };
const urlOf = (server: Server) => `http://localhost:${(server.address() as AddressInfo).port}`;
const listen = (server: Server) => new Promise<void>((resolve) => server.listen(0, "localhost", resolve));

function servePage(request: IncomingMessage, response: ServerResponse): void {
  if (request.url === "/client.js") return void response.writeHead(200, { "content-type": "text/javascript" }).end(script);
  const page = `<!doctype html><title>page</title><script type="module">
    import { configureCambio } from "/client.js";
    window.told = 0;
    window.cambio = configureCambio({ baseUrl: "${urlOf(backend)}", apiBaseUrl: "${urlOf(backend)}", onSignedOut: () => { window.told += 1; } });
  </script>`;
  response.writeHead(200, { "content-type": "text/html" }).end(page);
}

function serveBackend(request: IncomingMessage, response: ServerResponse): void {
  const answer = (status: number, body: object): void => {
    const cors = {
      "access-control-allow-origin": urlOf(site),
      "access-control-allow-credentials": "true",
      "access-control-allow-headers": "authorization, content-type",
    };
    // As on most APIs, www-authenticate is not among the headers that pages see.
    const challenge = { "www-authenticate": 'Bearer error="invalid_token", error_description="expired"' };
    response
      .writeHead(status, { ...cors, "content-type": "application/json", ...(status === 401 ? challenge : {}) })
      .end(JSON.stringify(body));
  };
  const { authorization = "", cookie = "" } = request.headers;
  if (request.method === "OPTIONS") return answer(200, {});
  if (request.url === "/api/auth/backend-token") {
    state.exchanges += 1;
    if (!state.signedIn || !cookie.includes("session=alice")) return answer(401, { error: "invalid_grant" });
    return answer(200, { token: `token-${state.exchanges}`, expiresIn: 900, userId: "alice" });
  }
  if (authorization === "") return answer(401, { error: "missing_token" });
  if (authorization === `Bearer ${state.expired}`) return answer(401, { reason: "TOKEN_EXPIRED" });
  return answer(200, { authorization, cookie });
}

beforeAll(async () => {
  const options = { bundle: true, write: false, format: "esm" } as const;
  const { outputFiles } = await build({ ...options, entryPoints: [join(import.meta.dirname, "../../src/client/index.ts")] });
  script = outputFiles[0]?.text ?? "";
  site = createServer(servePage);
  backend = createServer(serveBackend);
  await Promise.all([listen(site), listen(backend)]);
  browser = await launchBrowser();
}, 60_000);

afterAll(async () => {
  await browser.close();
  for (const server of [site, backend]) {
    server.close();
    server.closeAllConnections();
  }
});

beforeEach(async () => {
  Object.assign(state, { signedIn: true, exchanges: 0, expired: "" });
  context = await browser.newContext();
  await context.addCookies([{ name: "session", value: "alice", url: urlOf(backend), httpOnly: true, sameSite: "Strict" }]);
});
afterEach(() => context.close());

async function openTab(): Promise<Page> {
  const page = await context.newPage();
  await page.goto(urlOf(site));
  await page.waitForFunction("window.cambio !== undefined");
  return page;
}

describe("in a browser", () => {
  it("one exchange with the session cookie serves a hundred calls, which carry the token and no cookie", async () => {
    const page = await openTab();
    const answers = await page.evaluate("Promise.all(Array.from({ length: 100 }, () => cambio.apiClient.get('/things')))");
    expect(answers).toEqual(Array.from({ length: 100 }, () => ({ authorization: "Bearer token-1", cookie: "" })));
    expect(state.exchanges).toBe(1);
  });

  it("the token is in memory and nowhere else", async () => {
    const page = await openTab();
    expect(await page.evaluate("cambio.getToken()")).toBe("token-1");
    const kept = await page.evaluate("JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie, Object.keys(window)])");
    expect(kept).not.toContain("token-1");
    expect(await page.evaluate("indexedDB.databases().then(({ length }) => length)")).toBe(0);
  });

  it("an expired token is renewed where the page cannot see the challenge, by the reason in the body", async () => {
    const page = await openTab();
    await page.evaluate("cambio.getToken()");
    state.expired = "token-1";
    expect(await page.evaluate("cambio.apiClient.get('/things')")).toMatchObject({ authorization: "Bearer token-2" });
  });

  it("signing out in one tab clears the token of the other and tells it", async () => {
    const [first, second] = [await openTab(), await openTab()];
    expect([await first.evaluate("cambio.getToken()"), await second.evaluate("cambio.getToken()")]).toEqual(["token-1", "token-2"]);
    state.signedIn = false;
    await first.evaluate("cambio.announceSignOut()");
    await second.waitForFunction("window.told === 1");
    expect(await first.evaluate("window.told")).toBe(0);
    const failure = "cambio.apiClient.get('/things').catch(({ name, status, source }) => ({ name, status, source }))";
    expect(await second.evaluate(failure)).toEqual({ name: "ApiError", status: 401, source: "exchange" });
    expect(await first.evaluate(failure)).toEqual({ name: "ApiError", status: 401, source: "exchange" });
  });
});
