import { build } from "esbuild";
import { decodeJwt } from "jose";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type PageServer, startPageServer } from "../../examples/page-server.ts";
import type { Configuration } from "../../src/config/schema.ts";
import { launchBrowser } from "../support/browser.ts";
import { refreshCookieName, type SessionWorld, startSessionWorld } from "../support/session-world.ts";

let browser: Browser;
let listed: PageServer;
let unlisted: PageServer;
let world: SessionWorld;
let folder: string;
/** `sessionPage`, as the browser takes it. */
let script: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "cambio-session-page-"));
  [browser, listed, unlisted] = await Promise.all([launchBrowser(), startPageServer(0), startPageServer(0)]);
  world = await startSessionWorld({
    database: { location: { kind: "sqlite", file: join(folder, "db.sqlite") } },
    change: (configuration) => withOrigin(configuration, listed.origin),
  });
  const bundled = await build({
    entryPoints: [join(import.meta.dirname, "session-page.ts")],
    bundle: true,
    write: false,
    format: "iife",
    globalName: "sessionPage",
  });
  script = bundled.outputFiles[0]?.text ?? "";
}, 60_000);

afterAll(async () => {
  await browser.close();
  await world.close();
  await Promise.all([listed.close(), unlisted.close()]);
  rmSync(folder, { recursive: true });
});

function withOrigin(configuration: Configuration, origin: string): Configuration {
  const clients = Object.entries(configuration.clients).map(([id, client]) => [
    id,
    client.kind === "browser" ? { ...client, origins: [origin] } : client,
  ]);
  return { ...configuration, clients: Object.fromEntries(clients) as Configuration["clients"] };
}

/** A browser in which a user of the application is signed in, at that page. */
async function signedIn(server: PageServer): Promise<{ context: BrowserContext; page: Page; userId: string }> {
  const user = await world.register();
  const [name = "", value = ""] = user.cookie.split(/=(.*)/s);
  const context = await browser.newContext();
  await context.addCookies([{ name, value, url: world.cambio.url, httpOnly: true, sameSite: "Lax" }]);
  const page = await context.newPage();
  await page.goto(server.origin);
  await page.evaluate(`${script}; globalThis.sessionPage = sessionPage`);
  return { context, page, userId: user.userId };
}

/** What the page's own script got, or the name of its failure. */
const run = (page: Page, call: string): Promise<unknown> =>
  page.evaluate(`sessionPage.${call}.catch((failure) => "failed: " + (failure.code ?? failure.name))`);

describe("a page that is signed in", () => {
  it.each(["connect", "grpc-web"])("exchanges its session by the browser's cookie, over %s, from a listed origin", async (protocol) => {
    const { context, page, userId } = await signedIn(listed);
    const answer = (await run(page, `exchange("${world.cambio.url}", "${protocol}", "shop")`)) as Record<string, string>;
    expect(answer).toMatchObject({ userId: `site:${userId}`, refreshToken: expect.stringMatching(/^cambio_rt_/) as string });
    expect(decodeJwt(answer["accessToken"] ?? "")).toMatchObject({ sub: `site:${userId}`, client_id: "shop" });
    await context.close();
  });

  it("keeps its handle in a cookie that no script sees, and refreshes by it", async () => {
    const { context, page, userId } = await signedIn(listed);
    const answer = (await run(page, `exchange("${world.cambio.url}", "connect", "cookie-shop")`)) as Record<string, string>;
    expect(answer["refreshToken"]).toBe("");
    const held = (await context.cookies(`${world.cambio.url}/cambio.v1.TokenExchangeService/Refresh`)).find(
      ({ name }) => name === refreshCookieName,
    );
    expect(held).toMatchObject({ httpOnly: true, secure: true, sameSite: "Strict", path: "/cambio.v1.TokenExchangeService/" });
    expect(await page.evaluate("document.cookie")).not.toContain(refreshCookieName);
    const fresh = await run(page, `refresh("${world.cambio.url}", "cookie-shop")`);
    expect(decodeJwt(fresh as string).sub).toBe(`site:${userId}`);
    await context.close();
  });

  it("gets nothing at an origin that is not listed, though the browser has the same cookies", async () => {
    const { context, page } = await signedIn(unlisted);
    for (const call of [`exchange("${world.cambio.url}", "connect", "shop")`, `refresh("${world.cambio.url}", "cookie-shop")`])
      expect(await run(page, call)).toMatch(/^failed: /);
    const asked = `fetch("${world.cambio.url}/api/auth/backend-token", { credentials: "include" }).then((r) => r.text(), () => "nothing")`;
    expect(await page.evaluate(asked)).toBe("nothing");
    await context.close();
  });
});
