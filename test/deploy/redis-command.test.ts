// The compose file's Redis: its very command and health check, on a free port.

import { execFile, spawn } from "node:child_process";
import { promisify } from "node:util";
import { Redis } from "ioredis";
import { afterEach, expect, it } from "vitest";
import { endWithUs } from "../support/orphans.ts";
import { freePorts } from "../support/redis-process.ts";
import { compose } from "./files.ts";

const password = "rediscanary0123456789";
const redis = compose().services["redis"];
const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

const forTheShell = (text: string): string => text.replaceAll("$$", "$");

async function startIt() {
  const [port = 0] = await freePorts(1);
  const [shell = "", option = "", script = ""] = redis?.command ?? [];
  const here = forTheShell(script).replace("redis-server -", `redis-server - --port ${port} --bind 127.0.0.1`);
  const child = spawn(shell, [option, here], { env: { ...process.env, REDIS_PASSWORD: password }, stdio: ["ignore", "pipe", "inherit"] });
  endWithUs(child);
  closers.push(() => child.kill("SIGKILL"));
  let output = "";
  for await (const text of child.stdout.setEncoding("utf8").iterator({ destroyOnReturn: false })) {
    output += String(text);
    if (output.includes("Ready to accept connections")) break;
  }
  child.stdout.resume();
  return { port, child };
}

function check(port: number, shownPassword: string): Promise<number> {
  const script = forTheShell(redis?.healthcheck?.test?.[1] ?? "").replace("redis-cli", `redis-cli -p ${port}`);
  return new Promise((resolve) => {
    execFile("sh", ["-c", script], { env: { ...process.env, REDIS_PASSWORD: shownPassword } }, (error) =>
      resolve(Number(error?.code ?? 0)),
    );
  });
}

it("wants the password, keeps nothing, throws away what is oldest, and its health check says so", async () => {
  const { port } = await startIt();
  const client = new Redis({ port, host: "127.0.0.1", password });
  closers.unshift(() => client.disconnect());
  expect(await client.config("GET", "save")).toEqual(["save", ""]);
  expect(await client.config("GET", "maxmemory-policy")).toEqual(["maxmemory-policy", "allkeys-lru"]);
  expect(await check(port, password)).toBe(0);
  expect(await check(port, "wrong")).not.toBe(0);
});

it("is the server itself that a signal reaches, and no shell in front of it", async () => {
  const { child } = await startIt();
  const ended = new Promise((resolve) => child.once("close", resolve));
  child.kill("SIGTERM");
  expect(await ended).toBe(0);
});

it("has its password on no command line", async () => {
  const { child } = await startIt();
  expect(await promisify(execFile)("ps", ["-o", "args=", "-p", String(child.pid)])).toMatchObject({
    stdout: expect.not.stringContaining(password),
  });
  expect(redis?.command?.join(" ")).not.toMatch(/\$\{/);
});
