// A real PostgreSQL for tests: a cluster of its own in a temporary directory, on a free port, with nothing made durable. It can be
// stopped, killed, started again on the same port and frozen; stop() leaves nothing behind.

import { execFile, execFileSync, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync } from "node:fs";
import { chown, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { Client } from "pg";
import { Secret } from "../../src/exchange/secret.ts";
import type { PostgresAddress } from "../../src/store/open-postgres.ts";
import type { Certificate } from "./certificate.ts";

/** A loaded machine needs seconds for what takes half a second. */
const startLimitMs = 20_000;
const user = "cambio";

export interface PostgresServer {
  readonly port: number;
  /** Its data directory. */
  readonly folder: string;
  /** Of the database every cluster has. */
  readonly url: Secret;
  /** The same as the store takes it, or of another database. */
  address(database?: string): PostgresAddress;
  /** Runs SQL as an operator or an attacker would, beside the service. */
  query(sql: string, database?: string): Promise<readonly Record<string, unknown>[]>;
  /** SIGKILL of the whole server: connections break; what was committed is there after start(). */
  kill(): Promise<void>;
  start(): Promise<void>;
  /** Ends all connections and starts anew. */
  restart(): Promise<void>;
  /** SIGSTOP of the server and all its connections: they stay open and nothing answers. */
  pause(): void;
  resume(): void;
  stop(): Promise<void>;
}

export interface PostgresOptions {
  /** With it the server speaks TLS to those who ask for it. */
  readonly tls?: Certificate;
  /** Default: 100. */
  readonly maxConnections?: number;
}

export async function startPostgres({ tls, maxConnections = 100 }: PostgresOptions = {}): Promise<PostgresServer> {
  const programs = findPrograms();
  const owner = serverUser();
  const folder = await mkdtemp(join(tmpdir(), "cambio-postgres-"));
  if (owner !== undefined) await chown(folder, owner.uid, owner.gid);
  const data = join(folder, "data");
  await promisify(execFile)(
    join(programs, "initdb"),
    ["-D", data, "-U", user, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions"],
    { ...owner, cwd: folder },
  );
  const tlsSettings = tls === undefined ? [] : await writeTls(tls, folder, owner);
  const port = await freePort();
  let child: ChildProcess | undefined;

  async function start(): Promise<void> {
    const settings = ["fsync=off", "full_page_writes=off", "log_min_messages=panic", `max_connections=${maxConnections}`, ...tlsSettings];
    const args = ["-D", data, "-h", "127.0.0.1", "-p", String(port), "-k", folder, ...settings.flatMap((one) => ["-c", one])];
    child = await launch(join(programs, "postgres"), args, { ...owner, cwd: folder });
    await accepting(port);
  }

  async function end(signal: "SIGINT" | "SIGQUIT"): Promise<void> {
    const running = child;
    child = undefined;
    if (running === undefined || running.exitCode !== null || running.signalCode !== null) return;
    const exited = once(running, "exit");
    running.kill(signal);
    await exited;
  }

  await start();
  return {
    port,
    folder: data,
    url: new Secret(`postgres://${user}@127.0.0.1:${port}/postgres`),
    address: (database = "postgres") => ({ host: "127.0.0.1", port, tls: false, user, password: undefined, database }),
    query: (sql, database = "postgres") => query(port, sql, database),
    // SIGQUIT is the server's own way to die at once without leaving its children behind.
    kill: () => end("SIGQUIT"),
    start,
    async restart() {
      await end("SIGINT");
      await start();
    },
    pause: () => signalAll(child, "SIGSTOP"),
    resume: () => signalAll(child, "SIGCONT"),
    async stop() {
      signalAll(child, "SIGCONT");
      await end("SIGQUIT");
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function query(port: number, sql: string, database: string): Promise<readonly Record<string, unknown>[]> {
  const client = new Client({ host: "127.0.0.1", port, user, database, password: "", ssl: false });
  // A server that a test kills must not take the test along.
  client.on("error", () => undefined);
  await client.connect();
  try {
    const result = await client.query<Record<string, unknown>>(sql);
    return result.rows;
  } finally {
    await client.end();
  }
}

/** The server refuses a key that anyone but its own user may read. */
async function writeTls({ cert, key }: Certificate, folder: string, owner: Owner | undefined): Promise<readonly string[]> {
  const files = { cert: join(folder, "tls.crt"), key: join(folder, "tls.key") };
  for (const [file, text] of [
    [files.cert, cert],
    [files.key, key],
  ] as const) {
    await writeFile(file, text, { mode: 0o600 });
    if (owner !== undefined) await chown(file, owner.uid, owner.gid);
  }
  return ["ssl=on", `ssl_cert_file=${files.cert}`, `ssl_key_file=${files.key}`];
}

interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** The server refuses to run as root: there it runs as the user that its package made. */
function serverUser(): Owner | undefined {
  if (process.getuid?.() !== 0) return undefined;
  return { uid: idOf("-u"), gid: idOf("-g") };
}

function idOf(flag: "-u" | "-g"): number {
  return Number(execFileSync("id", [flag, "postgres"], { encoding: "utf8" }));
}

/** The folder with initdb and postgres: Debian keeps them out of the PATH, Homebrew in a folder per version. */
function findPrograms(): string {
  const folders = [
    ...versions("/usr/lib/postgresql", /^[0-9]+$/),
    ...(process.env["PATH"] ?? "").split(delimiter),
    ...versions("/opt/homebrew/opt", /^postgresql(@[0-9]+)?$/),
    ...versions("/usr/local/opt", /^postgresql(@[0-9]+)?$/),
  ];
  const found = folders.find((folder) => ["initdb", "postgres"].every((program) => existsSync(join(folder, program))));
  if (found === undefined) throw new Error("PostgreSQL's initdb and postgres were not found: is it installed?");
  return found;
}

/** Newest first. */
function versions(parent: string, name: RegExp): readonly string[] {
  if (!existsSync(parent)) return [];
  const entries = readdirSync(parent).filter((entry) => name.test(entry));
  return entries.toSorted((left, right) => right.localeCompare(left, "en", { numeric: true })).map((entry) => join(parent, entry, "bin"));
}

async function launch(program: string, args: readonly string[], options: object): Promise<ChildProcess> {
  const child = spawn(program, args, { ...options, stdio: ["ignore", "ignore", "inherit"], detached: false });
  // A run that dies half-way must not leave servers behind.
  const orphaned = () => void child.kill("SIGQUIT");
  process.once("exit", orphaned);
  child.once("exit", () => process.removeListener("exit", orphaned));
  await once(child, "spawn");
  return child;
}

async function accepting(port: number): Promise<void> {
  const until = performance.now() + startLimitMs;
  for (;;) {
    try {
      await query(port, "select 1", "postgres");
      return;
    } catch (error) {
      if (performance.now() > until) throw new Error("PostgreSQL did not start in time", { cause: error });
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

/** The server is a parent with a child per connection. */
function signalAll(server: ChildProcess | undefined, signal: "SIGSTOP" | "SIGCONT"): void {
  if (server?.pid === undefined || server.exitCode !== null || server.signalCode !== null) return;
  for (const pid of [server.pid, ...childrenOf(server.pid)]) {
    try {
      process.kill(pid, signal);
    } catch {
      // A connection's process that has ended since it was listed.
    }
  }
}

function childrenOf(parent: number): readonly number[] {
  const lines = execFileSync("ps", ["-A", "-o", "pid=,ppid="], { encoding: "utf8" }).split("\n");
  const pairs = lines.map((line) => line.trim().split(/ +/).map(Number));
  return pairs.flatMap(([pid, owner]) => (pid !== undefined && owner === parent ? [pid] : []));
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
