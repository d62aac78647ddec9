// grpc.health.v1: whether this process takes work, asked (Check, List) or followed (Watch). What makes it ready is not decided here.

import type { HandlerContext } from "@connectrpc/connect";
import { Code, ConnectError } from "@connectrpc/connect";
import { Health, HealthCheckResponse_ServingStatus } from "../../gen/health/v1/health_pb.ts";
import { visitOf } from "./interceptors.ts";
import type { Limits } from "./limits.ts";
import type { Services } from "./services.ts";
import { connectionOf } from "./visit.ts";

const { SERVING, NOT_SERVING, SERVICE_UNKNOWN } = HealthCheckResponse_ServingStatus;

export interface HealthStatus {
  serving(): boolean;
  set(serving: boolean): void;
  /** NOT_SERVING for good: watchers hear of it and their streams end, so that none of them holds up a stop. */
  end(): void;
  /** Tells of every change until the returned function is called: whoever leaves leaves nothing behind. */
  onChange(listener: () => void): () => void;
  ended(): boolean;
}

export function createHealthStatus(): HealthStatus {
  let state: "serving" | "not serving" | "ended" = "not serving";
  const listeners = new Set<() => void>();
  const become = (value: typeof state): void => {
    if (state === value || state === "ended") return;
    state = value;
    for (const listener of listeners) listener();
  };
  return {
    serving: () => state === "serving",
    set: (serving) => become(serving ? "serving" : "not serving"),
    end: () => become("ended"),
    onChange(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    ended: () => state === "ended",
  };
}

export interface HealthOptions {
  readonly status: HealthStatus;
  /** Full names; all share the process's status. The empty name, the server as a whole, is always known. */
  readonly services: readonly string[];
  readonly limits: Limits;
}

export function registerHealth(registry: Services, { status, services, limits }: HealthOptions): void {
  const known: ReadonlySet<string> = new Set(["", ...services]);
  const current = () => ({ status: status.serving() ? SERVING : NOT_SERVING });
  let watches = 0;
  const onConnection = new WeakMap<object, number>();

  async function* watch(service: string, context: HandlerContext) {
    const connection = connectionOf(visitOf(context.values));
    const beside = onConnection.get(connection) ?? 0;
    if (watches >= limits.watches || beside >= limits.watchesPerConnection) throw refuseBare(context, Code.ResourceExhausted);
    watches += 1;
    onConnection.set(connection, beside + 1);
    let wake: (() => void) | undefined;
    const forget = status.onChange(() => wake?.());
    context.signal.addEventListener("abort", () => wake?.(), { once: true });
    try {
      while (!context.signal.aborted) {
        // Before the status is read: a change while it is being sent is not missed.
        const news = new Promise<void>((resolve) => (wake = resolve));
        yield known.has(service) ? current() : { status: SERVICE_UNKNOWN };
        if (status.ended() || context.signal.aborted) return;
        await news;
      }
    } finally {
      forget();
      watches -= 1;
      onConnection.set(connection, (onConnection.get(connection) ?? 0) - 1);
    }
  }

  registry.service(
    Health,
    {
      check(request, context) {
        if (!known.has(request.service)) throw refuseBare(context, Code.NotFound);
        return current();
      },
      list: () => ({ statuses: Object.fromEntries([...known].map((name) => [name, current()])) }),
      watch: (request, context) => watch(request.service, context),
    },
    { messageBytes: limits.smallMessageBytes },
  );
}

/** An error of a service that has its own protocol, and none of Cambio's reasons. */
function refuseBare(context: HandlerContext, code: Code): ConnectError {
  visitOf(context.values).bareCode = code;
  return new ConnectError("", code);
}
