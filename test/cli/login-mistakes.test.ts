import { createServer } from "node:http";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { type FakeStack, startFakeStack } from "../support/fake-stack.ts";
import { startLogin } from "./login-rig.ts";

let stack: FakeStack;
let folder: string;
const closers: (() => unknown)[] = [];
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "cambio-login-"));
  stack = await startFakeStack();
});
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await stack.close();
});

describe("cambio login says what is wrong", () => {
  it.each([
    ["an unknown provider", ["nobody", "--client", "cli"], "PROVIDER_UNKNOWN: There is no provider of that name."],
    ["an unknown client", ["main", "--client", "nobody"], "CALLER_UNAUTHENTICATED: The caller did not prove who it is."],
    ["a scope beyond the client's", ["main", "--client", "cli", "--scope", "admin"], "SCOPE_NOT_ALLOWED: More scope than allowed."],
  ])("by the service's reason and sentence: %s", async (_, given, said) => {
    const login = startLogin(...given, "--redirect-uri", "http://127.0.0.1/callback", "--url", stack.cambio.url);
    expect(await login.ended).toEqual({ status: 1, out: "", error: `not signed in: ${said}\n` });
  });

  it("of a port that is taken", async () => {
    const port = await answering(() => "");
    const login = startLogin("main", "--client", "cli", "--redirect-uri", `http://127.0.0.1:${port}/callback`, "--url", stack.cambio.url);
    const { status, error } = await login.ended;
    expect(status).toBe(1);
    expect(error).toContain(`not signed in: another program listens on port ${port} of 127.0.0.1`);
  });

  it("of a service that is not there", async () => {
    const port = await answering(() => "");
    await closers.pop()?.();
    const url = `http://127.0.0.1:${port}/base`;
    const login = startLogin("main", "--client", "cli", "--redirect-uri", "http://127.0.0.1/callback", "--url", url);
    expect((await login.ended).error).toBe(`not signed in: Cambio at ${url} does not answer (ECONNREFUSED)\n`);
  });

  it.each([
    ["an address that a browser would run", 200, { authorizationUrl: "javascript:alert(1)", state: "s".repeat(43) }, "makes no sense"],
    ["something else", 200, "hello", "makes no sense"],
    ["a page", 404, "<h1>", "was answered with status 404"],
    [
      "an error that would speak to the terminal",
      400,
      { code: "internal", message: "\u001b]0;title\u0007\u009b2J" },
      "internal: \\u001b]0;title\\u0007\\u009b2J",
    ],
    ["more than any answer", 200, "x".repeat(200_000), "is larger than any of Cambio's"],
  ])("of a service that answers with %s", async (_, code, body, said) => {
    const port = await answering(() => JSON.stringify(body), code);
    const login = startLogin("main", "--client", "cli", "--redirect-uri", "http://127.0.0.1/callback", "--url", `http://127.0.0.1:${port}`);
    const { status, error } = await login.ended;
    expect(status).toBe(1);
    expect(error).toContain(said);
    expect(error.slice(0, -1)).toMatch(/^[\x20-\x7e]*$/);
  });

  it("of a service that would have code and verifier sent elsewhere, where nothing goes", async () => {
    let asked = 0;
    const elsewhere = await answering(() => String((asked += 1)));
    const port = await answering(() => "", 307, { location: `http://127.0.0.1:${elsewhere}/` });
    const login = startLogin("main", "--client", "cli", "--redirect-uri", "http://127.0.0.1/callback", "--url", `http://127.0.0.1:${port}`);
    expect(await login.ended).toMatchObject({ status: 1, error: expect.stringContaining("does not answer") });
    expect(asked).toBe(0);
  });

  it("of a configuration that leaves it open, or has no such client", async () => {
    const two = {
      clients: { one: native("http://127.0.0.1/a"), two: native("http://127.0.0.1/b"), web: { kind: "browser", providers: { main: {} } } },
    };
    expect(await failure(two)).toContain("name one by --client (one, two)");
    expect(await failure(two, "--client", "web")).toContain("has no native client of that name with that provider");
    expect(await failure({ clients: { web: { kind: "browser", providers: { main: {} } } } })).toContain(
      "has no native client with that provider",
    );
    const app = { clients: { app: native("com.example.app:/callback") } };
    expect(await failure(app)).toContain("has no redirect URI on loopback");
    const free = { ...two, server: { port: 0 } };
    expect(await failure(free, "--client", "one")).toContain("say by --url where it is");
    const far = { ...two, server: { host: "10.0.0.1" } };
    expect(await failure(far, "--client", "one")).toContain("say by --url at which https address");
  });

  it("of a configuration that is not there", async () => {
    const { status, error } = await startLogin("main").ended;
    expect(status).toBe(1);
    expect(error).toContain("the file does not exist");
  });
});

const native = (uri: string) => ({ kind: "native", providers: { main: { redirect_uris: [uri] } } });

async function failure(given: object, ...more: readonly string[]): Promise<string> {
  const file = join(folder, "cambio.yaml");
  writeFileSync(file, stringify(given));
  return (await startLogin("main", "--config", file, ...more).ended).error;
}

async function answering(text: () => string, status = 200, headers: Readonly<Record<string, string>> = {}): Promise<number> {
  const server = createServer((_, response) => response.writeHead(status, { "content-type": "application/json", ...headers }).end(text()));
  server.listen(0, "127.0.0.1");
  closers.push(() => new Promise((resolve) => server.close(resolve).closeAllConnections()));
  await once(server, "listening");
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}
