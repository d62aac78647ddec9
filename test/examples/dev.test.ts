import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { launchBrowser } from "../support/browser.ts";
import { type Child, startChild } from "../support/child.ts";
import { signIn } from "../support/sign-in.ts";

const anyPorts = { PORT: "0", PROVIDER_PORT: "0", PAGE_PORT: "0" };

/** The lines under a `# …` heading, as somebody would copy them. */
function linesUnder(output: string, heading: string): string {
  const [, after = ""] = output.split(`# ${heading}`);
  const [, ...lines] = (after.split("\n\n")[0] ?? "").split("\n");
  if (lines.length === 0) throw new Error(`no lines under ${heading}`);
  return lines.join("\n");
}

async function runInShell(lines: string): Promise<{ status: number | null; output: string }> {
  const shell = startChild(["bash", "-euc", lines]);
  const status = await shell.ended;
  return { status, output: shell.output() + shell.errors() };
}

function addressOf(output: string, name: string): string {
  return new RegExp(`^ +${name} +(http://localhost:\\d+) `, "m").exec(output)?.[1] ?? "";
}

describe("make dev", () => {
  let dev: Child;

  beforeAll(async () => {
    dev = startChild(["examples/dev.ts"], anyPorts);
    await dev.untilOutput(/# The plain route[^]*\n\n/);
  }, 60_000);

  afterAll(async () => {
    dev.process.kill("SIGKILL");
    await dev.ended;
  });

  it("prints a line that lists the methods with no schema at hand", async () => {
    const { status, output } = await runInShell(linesUnder(dev.output(), "What there is to call"));
    expect(output).toContain("cambio.v1.TokenExchangeService/ValidateCrossClient");
    expect(status).toBe(0);
  });

  it("prints a line that validates a token over gRPC as a service", async () => {
    const { status, output } = await runInShell(linesUnder(dev.output(), 'As the service "orders"'));
    expect(JSON.parse(output)).toMatchObject({
      claims: { subject: "alice", clientId: "storefront" },
      source: "VALIDATION_SOURCE_LOCAL_KEYS",
    });
    expect(status).toBe(0);
  });

  it("prints a line that asks for an authorization URL as the page", async () => {
    const { status, output } = await runInShell(linesUnder(dev.output(), 'As the page "web"'));
    const { authorizationUrl } = JSON.parse(output) as { authorizationUrl: string };
    expect(new URL(authorizationUrl).origin).toBe(addressOf(dev.output(), "OpenID provider"));
    const { code } = await signIn(authorizationUrl);
    expect(code).not.toBe("");
    expect(status).toBe(0);
  });

  it("prints a line that is answered 400 invalid_grant by the plain route", async () => {
    const { status, output } = await runInShell(linesUnder(dev.output(), "The plain route"));
    expect(output).toMatch(/^HTTP\/1\.1 400 /);
    expect(JSON.parse(output.split("\r\n\r\n")[1] ?? "")).toMatchObject({ error: "invalid_grant" });
    expect(status).toBe(0);
  });

  it("serves the page at the printed address", async () => {
    await using browser = await launchBrowser();
    const page = await browser.newPage();
    await page.goto(addressOf(dev.output(), "Page"));
    await page.locator("#settings dd", { hasText: addressOf(dev.output(), "Cambio") }).waitFor();
    expect(await page.locator("h1").textContent()).toContain("Cambio");
  });

  it("stops on SIGINT and leaves nothing listening", async () => {
    dev.process.kill("SIGINT");
    expect({ status: await dev.ended, errors: dev.errors() }).toEqual({ status: 0, errors: "" });
    for (const name of ["Page", "Cambio", "OpenID provider"]) {
      await expect(fetch(addressOf(dev.output(), name))).rejects.toMatchObject({ cause: { code: "ECONNREFUSED" } });
    }
  });
});

describe("make dev where it cannot start", () => {
  it.each(["PORT", "PROVIDER_PORT", "PAGE_PORT"])("says which port is taken, and how to choose another: %s", async (name) => {
    const holder = createServer().listen(0, "localhost");
    await once(holder, "listening");
    const { port } = holder.address() as AddressInfo;
    try {
      const dev = startChild(["examples/dev.ts"], { ...anyPorts, [name]: String(port) });
      expect(await dev.ended).toBe(1);
      expect(dev.errors()).toMatch(
        new RegExp(`^Port ${port} is taken by another process\\. Choose another one, for example: ${name}=\\d+ make dev\n$`),
      );
    } finally {
      holder.close();
    }
  });

  it("says that a port is not a number", async () => {
    const dev = startChild(["examples/dev.ts"], { ...anyPorts, PAGE_PORT: "http" });
    expect(await dev.ended).toBe(1);
    expect(dev.errors()).toBe("PAGE_PORT is not a port: write a number from 0 to 65535.\n");
  });
});
