// What the compose file starts, started without containers: each service's command with its own variables, one after another as they
// depend on each other, until its health check says so. Host names become this machine's, ports free ones, PostgreSQL and Redis real.

import { execFile, type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { endWithUs } from "../support/orphans.ts";
import { eventually } from "../support/eventually.ts";
import { type PostgresServer, startPostgres } from "../support/postgres-server.ts";
import { freePorts } from "../support/redis-process.ts";
import { type RedisServer, startRedisServer } from "../support/redis-server.ts";
import { createRunCanary, sawInTheRun } from "../support/run-canary.ts";
import { compose, type ComposeService, envFile, read, repository } from "./files.ts";

const secrets = {
  CAMBIO_SEALING_KEY: Buffer.from(Array.from({ length: 32 }, (_, index) => 100 + index)).toString("base64url"),
  AUTH_SECRET: "auth-secret-canary-0123456789abcdef",
  POSTGRES_PASSWORD: "postgrescanary0123456789",
  REDIS_PASSWORD: "rediscanary0123456789",
};
const limitMs = 120_000;

const ports = new Map<string, number>();
const running = new Map<string, ChildProcess>();
let services: Readonly<Record<string, ComposeService>>;
let site: string;
let folder: string;
let postgres: PostgresServer;
let redis: RedisServer;

/** `http://auth:3000` and, of the service itself, `http://127.0.0.1:3000` lead to where it listens here. */
function here(text: string, self: string): string {
  let found = text.replace("/etc/cambio/", "deploy/");
  for (const [name, port] of ports) {
    found = found.replace(`http://${name}:${services[name]?.environment?.["PORT"]}`, `http://localhost:${port}`);
    if (name === self) found = found.replace(`http://127.0.0.1:${services[name]?.environment?.["PORT"]}`, `http://localhost:${port}`);
  }
  return found;
}

function environmentOf(name: string): Record<string, string> {
  const given = services[name]?.environment ?? {};
  const instead: Readonly<Record<string, string>> = {
    HOST: "localhost",
    PORT: String(ports.get(name) ?? 0),
    FRONT_ADDRESS: "127.0.0.1",
    DATABASE_URL: postgres.url.reveal(),
    REDIS_URL: redis.url.reveal(),
    DATABASE_FILE: join(folder, "accounts.sqlite"),
  };
  return Object.fromEntries(Object.entries(given).map(([key, value]) => [key, instead[key] ?? here(value, name)]));
}

function start(name: string): ChildProcess {
  const { build, command = ["serve", "/etc/cambio/cambio.yaml"] } = services[name] ?? {};
  const words = build?.target === "service" ? ["src/cli/cambio.mjs", ...command] : command.slice(1);
  const child = spawn(
    process.execPath,
    words.map((word) => here(word, name)),
    { cwd: repository, env: environmentOf(name), stdio: ["ignore", "pipe", "pipe"] },
  );
  endWithUs(child);
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => sawInTheRun(`what ${name} wrote`, text));
  return child;
}

function isHealthy(name: string): Promise<boolean> {
  const words = services[name]?.healthcheck?.test?.slice(2).map((word) => here(word, name)) ?? [];
  return new Promise((resolve) => execFile(process.execPath, words, { cwd: repository }, (error) => resolve(error === null)));
}

/** Each behind those that it depends on; database and Redis are there already. */
function inOrder(): readonly string[] {
  const ordered: string[] = [];
  const visit = (name: string): void => {
    if (ordered.includes(name) || services[name]?.build === undefined) return;
    for (const other of Object.keys(services[name]?.depends_on ?? {})) visit(other);
    ordered.push(name);
  };
  for (const name of Object.keys(services)) visit(name);
  return ordered;
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "cambio-compose-"));
  const canary = createRunCanary();
  for (const [name, secret] of Object.entries(secrets)) canary.register(name, secret);
  const names = ["front", "auth", "backend", "cambio"];
  for (const [index, port] of (await freePorts(names.length)).entries()) ports.set(names[index] ?? "", port);
  site = `http://localhost:${ports.get("front")}`;
  services = compose({ ...envFile(read("deploy/.env.example")), ...secrets, PUBLIC_URL: site }).services;
  [postgres, redis] = await Promise.all([startPostgres(), startRedisServer()]);
  for (const name of inOrder()) {
    const child = start(name);
    if (services[name]?.restart === "no") {
      const [status] = (await once(child, "close")) as unknown[];
      if (status !== 0) throw new Error(`${name} ended with ${String(status)}`);
    } else {
      running.set(name, child);
      await eventually(`${name} being healthy`, () => isHealthy(name), 60_000);
    }
  }
}, limitMs);
afterAll(async () => {
  for (const child of running.values()) child.kill("SIGKILL");
  await Promise.all([postgres.stop(), redis.stop()]);
  rmSync(folder, { recursive: true });
});

async function signUp(): Promise<{ readonly cookie: string; readonly userId: string }> {
  const response = await fetch(`${site}/api/auth/sign-up/email`, {
    method: "POST",
    headers: { "content-type": "application/json", origin: site },
    body: JSON.stringify({ name: "Alice", email: "alice@example.com", password: "password-of-alice" }),
  });
  const { user } = (await response.json()) as { user: { id: string } };
  const cookie = response.headers
    .getSetCookie()
    .map((one) => one.split(";")[0])
    .join("; ");
  return { cookie, userId: user.id };
}

describe("what the compose file starts", () => {
  it("serves the page, takes a user, turns the session into a token, and the backend knows who it is", async () => {
    expect((await fetch(site)).headers.get("content-type")).toContain("text/html");
    const { cookie, userId } = await signUp();
    const exchanged = await fetch(`${site}/api/auth/backend-token`, { headers: { cookie } });
    const { token, ...rest } = (await exchanged.json()) as { token: string };
    expect(rest).toEqual({ expiresIn: 900, userId });
    const answer = await fetch(`${site}/api/protected`, { headers: { authorization: `Bearer ${token}` } });
    expect({ status: answer.status, body: await answer.json() }).toMatchObject({ status: 200, body: { user_id: userId } });
  });

  it("gives nothing to somebody who is not signed in", async () => {
    expect((await fetch(`${site}/api/auth/backend-token`)).status).toBe(401);
    expect((await fetch(`${site}/api/protected`)).status).toBe(401);
  });

  it("ends at SIGTERM, each part with 0", async () => {
    const ended = [...running].map(async ([name, child]) => {
      child.kill("SIGTERM");
      const [status] = (await once(child, "close")) as unknown[];
      return [name, status];
    });
    expect(Object.fromEntries(await Promise.all(ended))).toEqual({ auth: 0, cambio: 0, backend: 0, front: 0 });
  }, 40_000);
});
