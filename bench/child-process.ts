// A process of the bench: started, asked where it listens, ended. It ends by itself when this one does.

import { fork, type Serializable } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

export interface BenchProcess {
  /** Where it listens. */
  readonly url: string;
  readonly pid: number;
  tell(message: Serializable): void;
  /** Its answer. One question at a time. */
  ask(question: string): Promise<unknown>;
  close(): Promise<void>;
}

export interface BenchProcessOptions {
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** File descriptor of its standard output. Default: this process's. */
  readonly output?: number;
}

/** @param file beside this one */
export async function startProcess(file: string, { args, env = {}, output }: BenchProcessOptions): Promise<BenchProcess> {
  const child = fork(join(import.meta.dirname, file), args, {
    env: { ...process.env, ...env },
    stdio: ["ignore", output ?? "inherit", "inherit", "ipc"],
  });
  const gone = new AbortController();
  child.once("exit", () => gone.abort(new Error(`${file} ended before it answered`)));
  const answer = async (): Promise<unknown> => {
    const [message]: unknown[] = await once(child, "message", { signal: gone.signal });
    return message;
  };
  return {
    url: urlOf(await answer()),
    // One that has answered has a process.
    pid: child.pid ?? 0,
    tell: (told) => void child.send(told),
    ask(question) {
      child.send(question);
      return answer();
    },
    async close() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exited = once(child, "exit");
      child.disconnect();
      await exited;
    },
  };
}

function urlOf(message: unknown): string {
  if (typeof message === "object" && message !== null && "url" in message && typeof message.url === "string") return message.url;
  throw new Error("a process said something else than where it listens");
}
