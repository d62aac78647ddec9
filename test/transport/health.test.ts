import { Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Health, HealthCheckResponse_ServingStatus as Status } from "../../gen/health/v1/health_pb.ts";
import { eventually } from "../support/eventually.ts";
import { type PortRig, startPort } from "./port-rig.ts";
import { overH1 } from "./raw-request.ts";

let rig: PortRig;
beforeEach(async () => {
  rig = await startPort({ limits: { watches: 2 } });
});
afterEach(() => rig.close());

const ours = "cambio.v1.TokenExchangeService";
const transports: Record<string, () => Transport> = {
  gRPC: () => createGrpcTransport({ baseUrl: rig.base }),
  "gRPC-Web": () => createGrpcWebTransport({ baseUrl: rig.base, httpVersion: "1.1" }),
  Connect: () => createConnectTransport({ baseUrl: rig.base, httpVersion: "1.1" }),
};

describe.each(Object.entries(transports))("health over %s", (_, transport) => {
  const client = () => createClient(Health, transport());

  it("tells of the process and of each service", async () => {
    expect((await client().check({})).status).toBe(Status.SERVING);
    expect((await client().check({ service: ours })).status).toBe(Status.SERVING);
    rig.status.set(false);
    expect((await client().check({})).status).toBe(Status.NOT_SERVING);
    const { statuses } = await client().list({});
    expect(Object.entries(statuses).map(([name, one]) => [name, one.status])).toEqual([
      ["", Status.NOT_SERVING],
      [ours, Status.NOT_SERVING],
    ]);
  });

  it("does not know other services", async () => {
    const error = ConnectError.from(
      await client()
        .check({ service: "other" })
        .catch((thrown: unknown) => thrown),
    );
    expect([error.code, error.rawMessage]).toEqual([Code.NotFound, "There is nothing of that name."]);
  });

  it("tells a watcher of every change, and lets it go when the process stops for good", async () => {
    const seen: number[] = [];
    for await (const { status } of client().watch({ service: ours })) {
      seen.push(status);
      if (seen.length === 1) rig.status.set(false);
      if (seen.length === 2) rig.status.set(true);
      if (seen.length === 3) rig.status.end();
    }
    expect(seen).toEqual([Status.SERVING, Status.NOT_SERVING, Status.SERVING, Status.NOT_SERVING]);
    rig.status.set(true);
    expect((await client().check({})).status).toBe(Status.NOT_SERVING);
  });

  it("watches a service that it does not know as such", async () => {
    for await (const { status } of client().watch({ service: "other" })) {
      expect(status).toBe(Status.SERVICE_UNKNOWN);
      break;
    }
  });
});

describe("watches", () => {
  it("that have ended leave nothing behind in the process", async () => {
    const { onChange } = rig.status;
    let listening = 0;
    rig.status.onChange = (listener) => {
      listening += 1;
      const forget = onChange(listener);
      return () => {
        listening -= 1;
        forget();
      };
    };
    const client = createClient(Health, createGrpcTransport({ baseUrl: rig.base }));
    for (let round = 0; round < 5; round += 1) {
      const leave = new AbortController();
      const stream = client.watch({}, { signal: leave.signal })[Symbol.asyncIterator]();
      await stream.next();
      expect(listening).toBe(1);
      leave.abort();
      await stream.next().catch(() => undefined);
      await eventually("the watch is forgotten", () => listening === 0);
    }
  });

  it("are bounded in number, and one that leaves makes room", async () => {
    const client = createClient(Health, createGrpcTransport({ baseUrl: rig.base }));
    const leave = new AbortController();
    const held = [client.watch({}, { signal: leave.signal }), client.watch({})].map((stream) => stream[Symbol.asyncIterator]());
    await Promise.all(held.map((one) => one.next()));
    const third = () => client.watch({})[Symbol.asyncIterator]();
    await expect(third().next()).rejects.toMatchObject({ code: Code.ResourceExhausted });
    leave.abort();
    await held[0]?.next().catch(() => undefined);
    for (let open = false; !open;)
      open = await third()
        .next()
        .then(
          () => true,
          () => false,
        );
    rig.status.end();
  });

  it.each([
    ["gRPC", (other: PortRig) => createGrpcTransport({ baseUrl: other.base })],
    ["Connect", (other: PortRig) => createConnectTransport({ baseUrl: other.base, httpVersion: "2" })],
  ])("cannot all be taken by one connection, over %s: it has its own bound, and one that leaves makes room", async (_, transport) => {
    const other = await startPort({ limits: { watches: 100, watchesPerConnection: 2 } });
    const [greedy, modest] = [createClient(Health, transport(other)), createClient(Health, transport(other))];
    const leave = new AbortController();
    const watch = (client: typeof greedy, signal?: AbortSignal) =>
      client.watch({}, signal === undefined ? {} : { signal })[Symbol.asyncIterator]();
    const first = watch(greedy, leave.signal);
    await Promise.all([first.next(), watch(greedy).next()]);
    await expect(watch(greedy).next()).rejects.toMatchObject({ code: Code.ResourceExhausted });
    expect((await watch(modest).next()).value?.status).toBe(Status.SERVING);
    leave.abort();
    const served = () =>
      watch(greedy)
        .next()
        .then(
          () => true,
          () => false,
        );
    await eventually("room for another watch", served);
    other.status.end();
    await other.close();
  });
});

it("takes no message of more than 4 KiB, which no service name is", async () => {
  const headers = { "content-type": "application/json" };
  const answer = await overH1({
    port: rig.port,
    path: "/grpc.health.v1.Health/Check",
    headers,
    body: JSON.stringify({ service: "x".repeat(5_000) }),
  });
  expect(answer.status).toBe(429);
});
