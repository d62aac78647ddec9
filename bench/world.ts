// What the measurements of Cambio alone need: its surroundings, and a Cambio whose clock can be set. Each measurement begins with a
// fresh Cambio and an empty Redis.

import { type Caller, createCaller } from "./caller.ts";
import { startProcess } from "./child-process.ts";
import { configurationPath, startSurroundings, type Surroundings } from "./surroundings.ts";

/** Of every answer of the provider's token endpoint. */
export const providerDelayMs = 20;

export interface Cambio extends AsyncDisposable {
  readonly url: string;
  /** A caller with connections of its own. */
  connect(): Caller;
  /** Puts a simulated clock there. Epoch milliseconds. */
  setClock(ms: number): void;
  /** CPU time that the service's process has used, all its threads together. */
  cpuMs(): Promise<number>;
}

export interface World extends AsyncDisposable {
  readonly mint: Surroundings["mint"];
  startCambio(clock: "real" | "simulated"): Promise<Cambio>;
}

export async function startWorld(): Promise<World> {
  const surroundings = await startSurroundings(providerDelayMs);
  const { env, log, redis } = surroundings;
  return {
    mint: surroundings.mint,
    async startCambio(clock) {
      await redis.flush();
      const started = await startProcess("service-process.ts", { args: [configurationPath, clock], env, output: log });
      const callers: Caller[] = [];
      return {
        url: started.url,
        connect() {
          const caller = createCaller(started.url, surroundings.caller);
          callers.push(caller);
          return caller;
        },
        setClock: (ms) => started.tell(ms),
        cpuMs: async () => cpuMsOf(await started.ask("cpu")),
        async [Symbol.asyncDispose]() {
          for (const caller of callers) caller.close();
          await started.close();
        },
      };
    },
    [Symbol.asyncDispose]: () => surroundings[Symbol.asyncDispose](),
  };
}

function cpuMsOf(answer: unknown): number {
  if (typeof answer === "object" && answer !== null && "cpuMs" in answer && typeof answer.cpuMs === "number") return answer.cpuMs;
  throw new Error("the service said something else than its CPU time");
}
