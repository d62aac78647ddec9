import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startChild } from "../support/child.ts";
import { eventually } from "../support/eventually.ts";
import { exampleFile, type FakeStack, startFakeStack } from "../support/fake-stack.ts";
import { ask, refusalAt, startLogin } from "./login-rig.ts";

let stack: FakeStack;
let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "cambio-login-"));
  stack = await startFakeStack();
});
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await stack.close();
});

/** The words that make a configuration unnecessary, and these. */
function words(...more: readonly string[]): readonly string[] {
  return ["main", "--client", "cli", "--redirect-uri", "http://127.0.0.1/callback", "--url", stack.cambio.url, ...more];
}

/** The user in the browser: through the provider's pages and back to where it sends them. */
async function walk(opened: URL): Promise<{ status: number; port: string }> {
  const { redirectUri, parameters } = await stack.provider.login(opened.href);
  const { status } = await ask(`${redirectUri}?${parameters.toString()}`);
  return { status, port: new URL(redirectUri).port };
}

describe("cambio login", () => {
  it("signs in, says in a table what came of it, and shows no token", async () => {
    const login = startLogin(...words());
    const { status: page, port } = await walk(await login.opened);
    const { status, out, error } = await login.ended;
    stack.canary.saw("a sign-in without --show-tokens", out + error);
    expect({ page, status, out }).toEqual({ page: 200, status: 0, out: "" });
    expect(error).toMatch(/^Sign in at this address:\n\n {2}http:\/\/localhost:\d+\/authorize\?\S+\n\nsigned in\n/);
    expect(error).toContain("  provider    main\n  scopes      openid profile offline_access\n");
    expect(error).toContain("  issuance    PASSTHROUGH: the provider's own tokens\n");
    expect(error).toMatch(/ {2}expires {5}\d{4}-\d\d-\d\dT[\d:.]+Z\n$/);
    expect(await refusalAt(`http://127.0.0.1:${port}/callback`)).toBe("ECONNREFUSED");
    expect(stack.provider.violations).toEqual([]);
  });

  it("sends the challenge, the port that it took, and what was asked for", async () => {
    const login = startLogin(...words("--scope", "openid", "--scope", "profile", "--audience", "orders"));
    const opened = await login.opened;
    const of = (name: string) => opened.searchParams.get(name) ?? "";
    expect(of("code_challenge_method")).toBe("S256");
    expect(of("code_challenge")).toMatch(/^[\w-]{43}$/);
    expect(of("redirect_uri")).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/callback$/);
    expect([of("scope"), of("resource")]).toEqual(["openid profile", "https://orders.example"]);
    await walk(opened);
    expect((await login.ended).status).toBe(0);
  });

  it("prints the tokens alone on standard output where that is asked for, and none elsewhere", async () => {
    const login = startLogin(...words("--show-tokens"));
    await walk(await login.opened);
    const { status, out, error } = await login.ended;
    stack.canary.saw("standard error with --show-tokens", error);
    expect(status).toBe(0);
    const tokens = JSON.parse(out) as Readonly<Record<string, string>>;
    expect(Object.keys(tokens)).toEqual(
      expect.arrayContaining(["access_token", "token_type", "expires_in", "expires_at", "refresh_token", "id_token", "scopes", "issuer"]),
    );
    expect((await stack.cambio.rpc("Refresh", { clientId: "cli", refreshToken: tokens["refresh_token"] })).status).toBe(200);
  });

  it.each([
    ["the only native client with that provider", ["main"]],
    ["the client that is named", ["main", "--client", "cli"]],
  ])("finds in the configuration %s, whose secrets it does not need", async (_, given) => {
    const login = startLogin(...given, "--config", exampleFile, "--url", stack.cambio.url);
    await walk(await login.opened);
    expect(await login.ended).toMatchObject({ status: 0, out: "" });
  });

  it("hands on the issuer that came back: a provider that passes for another one is refused", async () => {
    const login = startLogin(...words());
    const { redirectUri, parameters } = await stack.provider.login((await login.opened).href);
    parameters.set("iss", "https://other.example");
    await ask(`${redirectUri}?${parameters.toString()}`);
    expect(await login.ended).toMatchObject({ status: 1, error: expect.stringContaining("not signed in: GRANT_INVALID: The code") });
  });

  it("is not signed in by a page that sends somebody else's code", async () => {
    const login = startLogin(...words());
    const opened = await login.opened;
    const redirectUri = opened.searchParams.get("redirect_uri") ?? "";
    expect((await ask(`${redirectUri}?code=stolen&state=${"s".repeat(43)}`)).status).toBe(400);
    expect((await ask(`${redirectUri}?code=stolen`)).status).toBe(400);
    await walk(opened);
    expect(await login.ended).toMatchObject({ status: 0 });
  });

  it("says in a sentence that the user declined, and makes nothing of what the provider wrote beside it", async () => {
    const login = startLogin(...words());
    const opened = await login.opened;
    const back = new URL(opened.searchParams.get("redirect_uri") ?? "");
    back.search = String(
      new URLSearchParams({
        error: "access_denied",
        error_description: "\u001b[2JNo\n\u202e!",
        state: opened.searchParams.get("state") ?? "",
      }),
    );
    expect((await ask(back)).status).toBe(200);
    const { status, error } = await login.ended;
    expect(status).toBe(1);
    expect(error).toMatch(/\nnot signed in: the sign-in was declined at the provider \(access_denied\): \\u001b\[2JNo\\u000a\\u202e!\n$/);
  });

  it("ends when its time is over, and listens no more", async () => {
    const login = startLogin(...words("--timeout", "1s"));
    const redirectUri = (await login.opened).searchParams.get("redirect_uri") ?? "";
    const { status, error } = await login.ended;
    expect(status).toBe(1);
    expect(error).toMatch(/\nnot signed in: the time for it is over \(--timeout\)\n$/);
    expect(await refusalAt(redirectUri)).toBe("ECONNREFUSED");
  });

  it("ends by Ctrl-C, and listens no more", async () => {
    const login = startLogin(...words());
    const redirectUri = (await login.opened).searchParams.get("redirect_uri") ?? "";
    login.interrupt();
    const { status, error } = await login.ended;
    expect(status).toBe(130);
    expect(error).toMatch(/\ninterrupted\n$/);
    expect(await refusalAt(redirectUri)).toBe("ECONNREFUSED");
  });
});

describe("the command itself", () => {
  it.skipIf(process.platform === "darwin")(
    "opens the browser, ends by SIGINT with 130, and shows nothing that opens anything",
    async () => {
      const opener = process.platform === "darwin" ? "open" : "xdg-open";
      writeFileSync(join(folder, opener), `#!/bin/sh\nprintf %s "$1" > '${folder}/opened'\n`, { mode: 0o755 });
      const child = startChild(["src/cli/cambio.mjs", "login", ...words()], { PATH: `${folder}:/usr/bin:/bin` });
      await eventually("the address", () => /authorize\?\S+\n/.test(child.errors()));
      const printed = /http\S+authorize\?\S+/.exec(child.errors())?.[0];
      await eventually("the browser", async () => (await readFile(join(folder, "opened"), "utf8").catch(() => "")) === printed);
      child.process.kill("SIGINT");
      expect(await child.ended).toBe(130);
      expect(child.output()).toBe("");
    },
  );

  it("signs in where no browser can be opened", async () => {
    const child = startChild(["src/cli/cambio.mjs", "login", ...words()], { PATH: join(folder, "empty") });
    await eventually("the address", () => /authorize\?\S+\n/.test(child.errors()));
    await walk(new URL(/http\S+authorize\?\S+/.exec(child.errors())?.[0] ?? ""));
    expect(await child.ended).toBe(0);
    stack.canary.saw("the command's output", child.output() + child.errors());
    expect(child.errors()).toContain("signed in\n");
  });
});
