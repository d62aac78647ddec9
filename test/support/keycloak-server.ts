// A real Keycloak for tests: the distribution that `make test-keycloak` unpacked, on a free port of the loopback, with its data in a
// temporary directory. It can be stopped, killed, frozen and started again on the same port; close() leaves nothing behind.

import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { repository } from "./child.ts";
import { type AdminCredentials, createKeycloakAdmin, type KeycloakAdmin } from "./keycloak-admin.ts";

/** Ten seconds where nothing else runs; more than this means that it hangs. */
const startLimitMs = 120_000;
/** Kept for the error message when it does not start. */
const maxLogBytes = 64 * 1024;

export interface KeycloakServer {
  /** Where its back channel is: what discovery read there says of its endpoints. */
  readonly address: string;
  /** Where users see it: what its issuers begin with. */
  readonly outside: string;
  /** Who may do everything there: made anew for every server. */
  readonly operator: AdminCredentials;
  readonly admin: KeycloakAdmin;
  /** On the same port, with all that it knew. */
  start(): Promise<void>;
  stop(): Promise<void>;
  /** SIGKILL: connections break. */
  kill(): Promise<void>;
  /** SIGSTOP: connections stay open and nothing answers. */
  pause(): void;
  resume(): void;
  /** Stops it and removes its data. */
  close(): Promise<void>;
}

/** @param outside the public address, if another than its own. Nobody has to listen there. */
export async function startKeycloak({ outside }: { readonly outside?: string } = {}): Promise<KeycloakServer> {
  const program = join(repository, ".cache/keycloak/bin/kc.sh");
  if (!existsSync(program)) throw new Error("Keycloak is not there: run scripts/keycloak.sh");
  const folder = await mkdtemp(join(tmpdir(), "cambio-keycloak-"));
  const port = await freePort();
  const address = `http://127.0.0.1:${port}`;
  const operator: AdminCredentials = { clientId: "test-operator", secret: randomBytes(18).toString("base64url") };
  const args = [
    "start",
    "--optimized",
    "--http-enabled=true",
    "--http-host=127.0.0.1",
    `--http-port=${port}`,
    `--hostname=${outside ?? address}`,
    `--hostname-backchannel-dynamic=${outside !== undefined}`,
    // Written through at once, so that a kill loses nothing.
    `--db-url=jdbc:h2:file:${join(folder, "keycloak")};NON_KEYWORDS=VALUE;WRITE_DELAY=0;DB_CLOSE_ON_EXIT=FALSE`,
  ];
  const env = {
    ...process.env,
    // It lives for a minute: the second compiler would take longer than it saves.
    JAVA_OPTS_APPEND: "-XX:TieredStopAtLevel=1",
    KC_BOOTSTRAP_ADMIN_CLIENT_ID: operator.clientId,
    KC_BOOTSTRAP_ADMIN_CLIENT_SECRET: operator.secret,
  };
  let child: ChildProcess | undefined;

  async function start(): Promise<void> {
    child = await launch(program, args, env);
  }

  async function end(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    const running = child;
    child = undefined;
    if (running === undefined || running.exitCode !== null || running.signalCode !== null) return;
    // Once nothing can write any more: the script may end before the server, which still holds the lock on its data.
    const closed = once(running, "close");
    signalAll(running, signal);
    await closed;
  }

  const close = async (): Promise<void> => {
    await end("SIGKILL");
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await start();
  } catch (error) {
    await close();
    throw error;
  }
  return {
    address,
    outside: outside ?? address,
    operator,
    admin: createKeycloakAdmin(address, operator),
    start,
    stop: () => end("SIGTERM"),
    kill: () => end("SIGKILL"),
    pause: () => signalAll(child, "SIGSTOP"),
    resume: () => signalAll(child, "SIGCONT"),
    close,
  };
}

// Keycloak's script starts the server as its child, so both are a process group. The standard input stays open for as long as this
// process lives; its end, also by a SIGKILL, ends the group: no run leaves servers behind.
const watched = 'exec 3<&0; { read -r _ <&3; kill -KILL 0; } >/dev/null 2>&1 & exec "$@" 3<&- </dev/null';

async function launch(program: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<ChildProcess> {
  const child = spawn("sh", ["-c", watched, "sh", program, ...args], { env, detached: true, stdio: "pipe" });
  // Where the group has ended already there is nobody to read.
  child.stdin.on("error", () => undefined);
  child.once("exit", () => child.stdin.end());
  const ready = Promise.withResolvers<void>();
  const timer = setTimeout(() => ready.reject(new Error(`Keycloak did not start in time: ${log}`)), startLimitMs);
  let log = "";
  const read = (chunk: Buffer): void => {
    log = (log + chunk.toString()).slice(-maxLogBytes);
    if (log.includes("Listening on: ")) ready.resolve();
  };
  child.stdout.on("data", read);
  child.stderr.on("data", read);
  child.once("error", (error) => ready.reject(new Error("Keycloak cannot be run", { cause: error })));
  child.once("exit", () => ready.reject(new Error(`Keycloak ended: ${log}`)));
  try {
    await ready.promise;
    return child;
  } catch (error) {
    signalAll(child, "SIGKILL");
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

function signalAll(child: ChildProcess | undefined, signal: NodeJS.Signals): void {
  if (child?.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // The group has ended.
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
