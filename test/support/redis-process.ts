// One redis-server process on a port that stays its own: started, killed and started again, stopped in its tracks and let go.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { endWithUs } from "./orphans.ts";

const startLimitMs = 10_000;

export interface RedisProcess {
  /** Starts it with the same arguments, if it does not run. */
  start(): Promise<void>;
  /** SIGKILL: connections break, nothing is kept. */
  kill(): Promise<void>;
  /** SIGSTOP: connections stay open and nothing answers. */
  pause(): void;
  resume(): void;
}

/** @param ready what it prints when it takes connections */
export function redisProcess(args: readonly string[], ready = "Ready to accept connections"): RedisProcess {
  let child: ChildProcess | undefined;
  return {
    async start() {
      child ??= await launch(args, ready);
    },
    async kill() {
      const running = child;
      child = undefined;
      if (running === undefined || running.exitCode !== null || running.signalCode !== null) return;
      const exited = once(running, "exit");
      running.kill("SIGKILL");
      await exited;
    },
    pause: () => void child?.kill("SIGSTOP"),
    resume: () => void child?.kill("SIGCONT"),
  };
}

async function launch(args: readonly string[], wanted: string): Promise<ChildProcess> {
  const child = spawn("redis-server", args, { stdio: ["ignore", "pipe", "inherit"] });
  endWithUs(child);
  const ready = Promise.withResolvers<void>();
  const timer = setTimeout(() => ready.reject(new Error("redis-server did not start in time")), startLimitMs);
  let output = "";
  let started = false;
  child.stdout.on("data", (chunk: Buffer) => {
    if (started) return;
    output += chunk.toString();
    started = output.includes(wanted);
    if (started) ready.resolve();
  });
  child.once("error", (error) => ready.reject(new Error("redis-server cannot be run: is it installed?", { cause: error })));
  child.once("exit", () => ready.reject(new Error(`redis-server ended: ${output}`)));
  try {
    await ready.promise;
    return child;
  } catch (error) {
    child.kill("SIGKILL");
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** All different, as they are held at the same time before they are given back. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer().listen(0, "127.0.0.1");
      await once(server, "listening");
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(
    servers.map(async (server) => {
      server.close();
      await once(server, "close");
    }),
  );
  return ports;
}
