// What the image would hold, put together in a folder as the Dockerfile says (the service as one program, and the files that the builder
// is given), and run as the compose file says: another user, nothing that it may write, a real PostgreSQL and Redis.

import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, cpSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { endWithUs } from "../support/orphans.ts";
import { eventually } from "../support/eventually.ts";
import { type PostgresServer, startPostgres } from "../support/postgres-server.ts";
import { type RedisServer, startRedisServer } from "../support/redis-server.ts";
import { createRunCanary, sawInTheRun } from "../support/run-canary.ts";
import { copiedInto, stage, type Stage, wordsOf } from "./dockerfile.ts";
import { compose, envFile, filesInContext, read, repository, within } from "./files.ts";

const secrets = {
  CAMBIO_SEALING_KEY: Buffer.from(Array.from({ length: 32 }, (_, index) => 255 - index)).toString("base64url"),
  AUTH_SECRET: "auth-secret-canary-0123456789",
  POSTGRES_PASSWORD: "postgrescanary0123456789",
  REDIS_PASSWORD: "rediscanary0123456789",
};
/** Who an image's processes are; only root can become somebody else. */
const somebody = process.getuid?.() === 0 ? { uid: 1000, gid: 1000 } : {};
/** A build and two servers may take longer than any test does by itself. */
const limitMs = 180_000;

let root: string;
let app: string;
let node: string;
let postgres: PostgresServer;
let redis: RedisServer;
let environment: Record<string, string>;

function copy(from: Stage): void {
  const taken = filesInContext().filter((file) => copiedInto(from).some((one) => within(file, one)));
  for (const file of taken) {
    mkdirSync(dirname(join(app, file)), { recursive: true });
    cpSync(join(repository, file), join(app, file));
  }
}

/** By the very command; only where it puts the program is said besides. */
async function buildService(): Promise<void> {
  const command = stage("built").instructions.find((line) => line.startsWith("RUN node "));
  const [, ...words] = (command ?? "").replace(/^RUN /, "").split(" ");
  await promisify(execFile)(process.execPath, [...words, join(app, "dist/service")], { cwd: repository, timeout: limitMs });
}

function everythingIn(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" }).toSorted();
}

/** Nobody may write there any more, or, at the end, again. */
function allow(writing: boolean): void {
  for (const path of [root, ...everythingIn(root).map((file) => join(root, file))]) {
    const stat = lstatSync(path);
    if (!stat.isSymbolicLink()) chmodSync(path, (stat.mode & 0o555) | (writing ? 0o200 : 0) | 0o444 | (stat.isDirectory() ? 0o111 : 0));
  }
}

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), "cambio-image-"));
  app = join(root, "app");
  mkdirSync(app);
  createRunCanary().register("CAMBIO_SEALING_KEY", secrets.CAMBIO_SEALING_KEY);
  [postgres, redis] = await Promise.all([startPostgres(), startRedisServer()]);
  await buildService();
  copy(stage("service"));
  mkdirSync(join(root, "etc"));
  cpSync(join(repository, "deploy/cambio.yaml"), join(root, "etc/cambio.yaml"));
  // The image brings its own; where this one lies another user may not be let in.
  node = join(root, "node");
  cpSync(process.execPath, node, { dereference: true });
  allow(false);
  const values = { ...envFile(read("deploy/.env.example")), ...secrets };
  environment = {
    ...compose(values).services["cambio"]?.environment,
    NODE_ENV: "production",
    // What the compose network would resolve.
    DATABASE_URL: postgres.url.reveal(),
    REDIS_URL: redis.url.reveal(),
    HOST: "localhost",
    PORT: "0",
  };
}, limitMs);
afterAll(async () => {
  await Promise.all([postgres.stop(), redis.stop()]);
  allow(true);
  rmSync(root, { recursive: true });
});

/** Runs the image's entry point, or another program of its own, with these words behind it. */
function start(words: readonly string[], entry: readonly string[] = wordsOf("ENTRYPOINT")) {
  const [, ...program] = entry;
  const child = spawn(node, [...program, ...words.map((word) => word.replace("/etc/cambio/", `${root}/etc/`))], {
    cwd: app,
    env: environment,
    stdio: ["ignore", "pipe", "pipe"],
    ...somebody,
  });
  endWithUs(child);
  const written = { text: "" };
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text: string) => (written.text += text));
  const ended = once(child, "close").then(([status]: unknown[]) => {
    sawInTheRun(`what ${words[0]} wrote`, written.text);
    return { status, text: written.text };
  });
  return { child, written, ended };
}

describe("what the image holds", () => {
  it("is one program, its list of packages, their licences, and the health check", () => {
    const files = everythingIn(app).filter((file) => lstatSync(join(app, file)).isFile());
    const program = /^dist\/service\/[\w-]+\.mjs(\.LEGAL\.txt)?$/;
    expect(files.filter((file) => !program.test(file))).toEqual([
      "deploy/health.mjs",
      "dist/service/cambio.cdx.json",
      "dist/service/licenses.txt",
    ]);
  });

  it("has the licence of each package in it", () => {
    const licenses = readFileSync(join(app, "dist/service/licenses.txt"), "utf8");
    const { components } = JSON.parse(readFileSync(join(app, "dist/service/cambio.cdx.json"), "utf8")) as {
      components: readonly { name: string; version: string }[];
    };
    for (const { name, version } of components) expect(licenses).toContain(`== ${name} ${version}: `);
    expect(licenses).toMatch(/== pino [^=]*Permission is hereby granted/);
  });

  it("names each package in the program, and none that is for development", () => {
    const lock = JSON.parse(read("package-lock.json")) as { packages: Record<string, { version: string }> };
    const { components } = JSON.parse(readFileSync(join(app, "dist/service/cambio.cdx.json"), "utf8")) as {
      components: readonly { name: string; version: string; purl: string }[];
    };
    expect(components.map(({ name }) => name)).toEqual(expect.arrayContaining(["pino", "ioredis", "undici", "@connectrpc/connect"]));
    for (const name of ["vitest", "esbuild", "typescript", "oidc-provider"]) expect(components.map((one) => one.name)).not.toContain(name);
    for (const { name, version } of components) expect(lock.packages[`node_modules/${name}`]?.version).toBe(version);
  });

  it("accepts the configuration of the compose file", async () => {
    const { status, text } = await start(["check", "/etc/cambio/cambio.yaml"]).ended;
    expect({ status, text }).toEqual({ status: 0, text: expect.stringMatching(/^ok: /) });
  });

  it("refuses to serve before the database's tables are there", async () => {
    expect(await start(wordsOf("CMD")).ended).toMatchObject({ status: 1, text: expect.stringContaining("cambio migrate") });
  });

  it("migrates once, finds nothing to do the second time, serves, is healthy, and ends at SIGTERM with 0", async () => {
    const before = everythingIn(root);
    const migrate = compose().services["migrate"]?.command ?? [];
    expect(await start(migrate).ended).toMatchObject({ status: 0 });
    expect(await start(migrate).ended).toMatchObject({ status: 0 });

    const { child, written, ended } = start(wordsOf("CMD"));
    await eventually("listening", () => written.text.includes('"listening"') || child.exitCode !== null, 30_000);
    const url = /"url":"([^"]+)"/.exec(written.text)?.[1] ?? "";
    const ready = async () => (await (await fetch(`${url}/readyz`)).json()) as Record<string, string>;
    await eventually("redis and database being ready", async () => {
      const answer = await ready();
      return answer["redis"] === "ready" && answer["database"] === "ready";
    });
    expect(await ready()).toMatchObject({ status: "ready" });

    const health = compose().services["cambio"]?.healthcheck?.test?.slice(2) ?? [];
    const [file = "", address = ""] = health;
    expect(await start([address.replace("http://127.0.0.1:8080", url)], ["node", file]).ended).toMatchObject({ status: 0, text: "" });

    child.kill("SIGTERM");
    expect(await ended).toMatchObject({ status: 0 });
    expect(everythingIn(root)).toEqual(before);
  }, 90_000);

  it("cannot be written by who runs it", async () => {
    const tries = ["dist/service/cambio.mjs", "dist/service/new.mjs", "deploy/health.mjs"].map((path) => JSON.stringify(path)).join(",");
    const script = `const { writeFileSync } = require("node:fs"); for (const path of [${tries}]) { try { writeFileSync(path, "", { flag: "a" }); process.exitCode = 1; } catch {} }`;
    expect(await start(["-e", script], ["node"]).ended).toMatchObject({ status: 0 });
  });
});
