import { Agent, request } from "node:http";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { expect, it } from "vitest";
import { basic } from "../../examples/clients.ts";
import { TokenExchangeService } from "../../gen/cambio/v1/token_exchange_service_pb.ts";
import { grpcJsCaller } from "../e2e/grpc-js-caller.ts";
import { type Served, testMs, useWorkers } from "./workers-rig.ts";

const rig = useWorkers();

/** Asks again and again until it is told to stop; what went otherwise than well. */
interface Asking {
  stop(): Promise<{ readonly answered: number; readonly others: readonly string[] }>;
}

function keepAsking(ask: () => Promise<string>): Asking {
  const others: string[] = [];
  let answered = 0;
  const stopping = new AbortController();
  const done = (async () => {
    while (!stopping.signal.aborted) {
      const outcome = await ask().catch((error: unknown) => String(error));
      if (outcome === "ok") answered += 1;
      else others.push(outcome);
    }
  })();
  return {
    async stop() {
      stopping.abort();
      await done;
      return { answered, others };
    },
  };
}

const authorization = () => basic("orders", rig.env["ORDERS_SECRET"] ?? "");

/** Over HTTP/1.1, a connection for each call, or one that is kept. */
function byHttp(url: string, token: string, agent: Agent): Promise<string> {
  const body = JSON.stringify({ token: { value: token } });
  const headers = { "content-type": "application/json", authorization: authorization() };
  return new Promise((resolve, reject) => {
    const asked = request(`${url}/cambio.v1.TokenExchangeService/ValidateCrossClient`, { method: "POST", agent, headers }, (answer) => {
      answer.resume();
      answer.once("error", reject);
      answer.once("end", () => resolve(answer.statusCode === 200 ? "ok" : `status ${answer.statusCode}`));
    });
    asked.once("error", reject);
    asked.end(body);
  });
}

function askers({ url }: Served, token: string) {
  const kept = new Agent({ keepAlive: true, maxSockets: 4 });
  const connect = createClient(TokenExchangeService, createGrpcTransport({ baseUrl: url }));
  const grpcJs = grpcJsCaller(url);
  const message = { token: { value: token } };
  const headers = { authorization: authorization() };
  return {
    "HTTP/1.1, each call on a connection of its own": keepAsking(() => byHttp(url, token, new Agent({ keepAlive: false }))),
    "HTTP/1.1, connections kept": keepAsking(() => byHttp(url, token, kept)),
    "gRPC by connect-node": keepAsking(async () => {
      await connect.validateCrossClient(message, { headers });
      return "ok";
    }),
    "gRPC by grpc-js": keepAsking(async () => {
      const { kind } = await grpcJs.call({ method: "ValidateCrossClient", message, headers });
      return kind === "ok" ? "ok" : JSON.stringify(kind);
    }),
  };
}

it(
  "SIGUSR2 replaces all workers under load, and no call is refused or cut",
  async () => {
    const served = await rig.serve(
      await rig.configure((text) => text.replace("\nproviders:", "\nlimits:\n  services: 1000000\n  addresses: 1000000\n\nproviders:")),
    );
    const token = await rig.provider.mint({ client_id: "cambio" });
    rig.canary.register("token", token);
    const before = served.workers();
    const asking = askers(served, token);
    for (let round = 1; round <= 2; round += 1) {
      served.child.process.kill("SIGUSR2");
      await served.untilSaid("all workers were replaced", round);
    }
    const results = await Promise.all(Object.entries(asking).map(async ([how, one]) => [how, await one.stop()] as const));
    for (const [how, { answered, others }] of results) {
      expect([how, others]).toEqual([how, []]);
      expect(answered).toBeGreaterThan(10);
    }
    const after = served.workers();
    expect(after.length).toBe(2);
    expect(after.filter((pid) => before.includes(pid))).toEqual([]);
    served.child.process.kill("SIGTERM");
    expect(await served.child.ended).toBe(0);
    expect(served.child.errors()).toBe("");
  },
  testMs,
);
