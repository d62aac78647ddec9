import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createPart } from "../../examples/dashboard/part.ts";
import { type Child, startChild } from "../support/child.ts";
import { createRunCanary } from "../support/run-canary.ts";

const canary = createRunCanary();

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "cambio-dashboard-"));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const parts = ["front", "auth", "cambio", "backend"];

function addressOf(output: string, part: string): string {
  return new RegExp(`^ +${part} +healthy +(http://localhost:\\d+)$`, "m").exec(output)?.[1] ?? "";
}

async function statusOf(url: string): Promise<number> {
  return (await fetch(url)).status;
}

describe("make dashboard", () => {
  let dashboard: Child;
  let url: string;

  beforeAll(async () => {
    dashboard = startChild(["examples/dashboard/main.ts"], { PORT: "0", FOLDER: join(folder, "data") });
    await dashboard.untilOutput(/The dashboard is up: .*\n/);
    url = /The dashboard is up: (\S+)/.exec(dashboard.output())?.[1] ?? "";
  }, 60_000);

  afterAll(async () => {
    dashboard.process.kill("SIGTERM");
    await dashboard.ended;
  });

  it("reports each part healthy in a line, and the one address", () => {
    expect(parts.filter((part) => addressOf(dashboard.output(), part) === "")).toEqual([]);
    expect(url).toBe(addressOf(dashboard.output(), "front"));
  });

  it("answers for every part at the one address", async () => {
    const expected = {
      "/": 200,
      "/dashboard": 200,
      "/api/auth/get-session": 200,
      "/api/auth/backend-token": 401,
      "/.well-known/jwks.json": 200,
      "/api/protected": 401,
      "/healthz": 200,
      "/nothing": 404,
    };
    const answered = Object.keys(expected).map(async (path) => [path, await statusOf(`${url}${path}`)]);
    expect(Object.fromEntries(await Promise.all(answered))).toEqual(expected);
  });

  it("does not give a token to a page of another site", async () => {
    const answer = await fetch(`${url}/api/auth/backend-token`, { headers: { "sec-fetch-site": "cross-site" } });
    expect(answer.status).toBe(403);
  });

  it("keeps its secrets in a file that only its owner reads, and out of everything it writes", () => {
    const file = join(folder, "data/secrets.json");
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const secrets = JSON.parse(readFileSync(file, "utf8")) as Record<string, string>;
    expect(Object.keys(secrets)).toEqual(["auth", "sealing"]);
    for (const [name, secret] of Object.entries(secrets)) {
      canary.register(`the dashboard's ${name} secret`, secret);
      expect(dashboard.output()).not.toContain(secret);
    }
  });

  it("stops on SIGINT and leaves nothing listening", async () => {
    dashboard.process.kill("SIGINT");
    expect({ status: await dashboard.ended, errors: dashboard.errors() }).toEqual({ status: 0, errors: "" });
    for (const part of parts) {
      await expect(fetch(addressOf(dashboard.output(), part))).rejects.toMatchObject({ cause: { code: "ECONNREFUSED" } });
    }
  });
});

describe("make dashboard where it cannot start", () => {
  it("says which part did not become healthy, and why, and leaves nothing running", async () => {
    const broken = join(folder, "broken");
    mkdirSync(join(broken, "accounts.sqlite"), { recursive: true });
    const dashboard = startChild(["examples/dashboard/main.ts"], { PORT: "0", FOLDER: broken });
    expect(await dashboard.ended).toBe(1);
    expect(dashboard.errors()).toMatch(/^\nauth did not become healthy: it ended with status 1\.\n/);
    expect(dashboard.errors()).toContain("unable to open database file");
    await expect(fetch(addressOf(dashboard.output(), "front"))).rejects.toMatchObject({ cause: { code: "ECONNREFUSED" } });
  });

  it("says that the port is taken, and how to choose another", async () => {
    const holder = createServer().listen(0, "localhost");
    await once(holder, "listening");
    const { port } = holder.address() as AddressInfo;
    const dashboard = startChild(["examples/dashboard/main.ts"], { PORT: String(port), FOLDER: join(folder, "taken") });
    expect(await dashboard.ended).toBe(1);
    expect(dashboard.errors()).toBe(
      `\nPort ${port} is taken by another process. Choose another one, for example: PORT=9180 make dashboard\n`,
    );
    holder.close();
  });

  it("says that an application at Discord has a secret too", async () => {
    const dashboard = startChild(["examples/dashboard/main.ts"], { PORT: "0", DISCORD_CLIENT_ID: "157730590492196864" });
    expect(await dashboard.ended).toBe(1);
    expect(dashboard.errors()).toBe("\nDISCORD_CLIENT_ID is set and DISCORD_CLIENT_SECRET is not: Discord wants both.\n");
  });

  it("says that a port is not a number", async () => {
    const dashboard = startChild(["examples/dashboard/main.ts"], { PORT: "http" });
    expect(await dashboard.ended).toBe(1);
    expect(dashboard.errors()).toBe("\nPORT is not a port: write a number from 0 to 65535.\n");
  });
});

/** A script that listens, and answers everything with one status. */
const listens = (status: number) => `
  const server = require("node:http").createServer((_, answer) => answer.writeHead(${status}).end());
  server.listen(0, "localhost", () => console.log(JSON.stringify({ msg: "listening", url: "http://localhost:" + server.address().port })));
`;

describe("the front as a process of its own", () => {
  it("serves the page, and answers 503 for a part that is away, naming it", async () => {
    const away = "http://localhost:9";
    const front = startChild(["examples/dashboard/front-server.ts"], { PORT: "0", AUTH_URL: away, CAMBIO_URL: away, BACKEND_URL: away });
    await front.untilOutput(/"listening"/);
    const url = /"url":"([^"]+)"/.exec(front.output())?.[1] ?? "";
    expect(await statusOf(`${url}/dashboard`)).toBe(200);
    const answer = await fetch(`${url}/api/auth/../protected`);
    expect(answer.status).toBe(503);
    expect(answer.headers.get("retry-after")).toBe("2");
    expect(await answer.json()).toMatchObject({ error: "temporarily_unavailable", part: "backend" });
    expect(await (await fetch(`${url}/api/auth/backend-token`)).json()).toMatchObject({ part: "cambio" });
    expect(await (await fetch(`${url}/api/auth/get-session`)).json()).toMatchObject({ part: "auth" });
    front.process.kill("SIGTERM");
    expect(await front.ended).toBe(0);
  });
});

describe("a part that does not come up", () => {
  it.each([
    ["ends at once", "console.error('mint: unknown key'); process.exitCode = 3", "it ended with status 3.\n  mint: unknown key"],
    ["says nothing", "setInterval(() => {}, 1000)", "it did not say where it listens within 1 s."],
    ["is not ready", listens(503), "/readyz answered 503 within 1 s."],
  ])("is named with the reason: it %s", async (_, script, why) => {
    const part = createPart({
      name: "cambio",
      command: ["-e", script],
      env: {},
      healthPath: "/readyz",
      onLine: () => undefined,
      healthyWithinMs: 1_000,
    });
    await expect(part.start()).rejects.toThrow(new Error(`cambio did not become healthy: ${why}`));
    expect(part.url()).toBeUndefined();
  });
});
