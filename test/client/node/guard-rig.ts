// A real Cambio with tokens of a provider, and guards that ask it, their questions counted. One clock for all three.

import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import type { Interceptor, Transport } from "@connectrpc/connect";
import { createTokenGuard, type TokenGuard, type TokenGuardOptions } from "../../../src/client/node/index.ts";
import { type FakeStack, startFakeStack } from "../../support/fake-stack.ts";

export interface GuardRig {
  readonly stack: FakeStack;
  /** Questions that went to Cambio by `transport`. */
  questions(): number;
  readonly transport: Transport;
  readonly grpc: Transport;
  /** As the service `orders`, by default by `transport`. Closed with the rig. */
  guard(options?: Partial<TokenGuardOptions>): TokenGuard;
  close(): Promise<void>;
}

export async function startGuardRig(): Promise<GuardRig> {
  const stack = await startFakeStack();
  const guards: TokenGuard[] = [];
  let questions = 0;
  const count: Interceptor = (next) => (request) => {
    questions += 1;
    return next(request);
  };
  const baseUrl = stack.cambio.url;
  const transport = createConnectTransport({ baseUrl, httpVersion: "1.1", interceptors: [count] });
  const [clientId = "", clientSecret = ""] = Buffer.from(stack.authorization("orders").slice("Basic ".length), "base64")
    .toString()
    .split(":");

  return {
    stack,
    questions: () => questions,
    transport,
    grpc: createGrpcTransport({ baseUrl, interceptors: [count] }),
    guard(options) {
      const guard = createTokenGuard({
        cambio: transport,
        credentials: { clientId, clientSecret },
        now: () => stack.time.nowMs,
        // A busy machine is no outage.
        timeoutMs: 10_000,
        ...options,
      });
      guards.push(guard);
      return guard;
    },
    async close() {
      for (const guard of guards) guard.close();
      await stack.close();
    },
  };
}
