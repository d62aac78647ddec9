import { readdirSync } from "node:fs";
import { join } from "node:path";
import { type DescService, fromBinary, fromJson, type JsonObject, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TokenExchangeService } from "../../gen/cambio/v1/token_exchange_service_pb.ts";
import { ServerReflection } from "../../gen/grpc/reflection/v1/reflection_pb.ts";
import { Health } from "../../gen/health/v1/health_pb.ts";
import type { ClientConfiguration, Configuration } from "../../src/config/schema.ts";
import { type Method, methods } from "../../src/exchange/clients.ts";
import type { Reason } from "../../src/exchange/errors.ts";
import { errorTable } from "../../src/rpc/error-table.ts";
import { createMetrics } from "../../src/telemetry/metrics.ts";
import { createHealthStatus } from "../../src/transport/health.ts";
import { keySetRoute } from "../../src/transport/key-set-route.ts";
import { processRoutes } from "../../src/transport/process-routes.ts";
import { basic } from "../../examples/clients.ts";
import { type FakeStack, page, startFakeStack } from "../support/fake-stack.ts";
import { expectedErrors } from "./expected-errors.ts";
import { plainProtocols, type Sent, type WireRefusal, wireProtocols } from "./wire-caller.ts";
import { atTheGate, byTheirMessage, forPublic, goodMessages, type Outsider } from "./outsiders.ts";

/** Open by design, to everybody who reaches the port. A method that is not here and not in the contract must be decided first. */
const open = [
  "grpc.health.v1.Health/Check",
  "grpc.health.v1.Health/List",
  "grpc.health.v1.Health/Watch",
  "grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
  "grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
];
const guarded = methods.map((name) => `${TokenExchangeService.typeName}/${name}`);

const named = (method: Method, clientId: string): JsonObject => ({
  ...goodMessages[method],
  ...(method === "ValidateCrossClient" ? {} : { clientId }),
});

let stack: FakeStack;
/** The same without public clients: nobody has anything to say here before he has proved himself. */
let closed: FakeStack;
beforeAll(async () => {
  stack = await startFakeStack({ change: withOutsiders });
  closed = await startFakeStack({
    change: (configuration) => ({
      ...withClients(
        configuration,
        Object.entries(configuration.clients).filter(([, { kind }]) => kind === "service"),
      ),
      server: { ...configuration.server, reflection: false },
      routes: { exchange: [], backend_token: [] },
    }),
  });
});
afterAll(async () => {
  await stack.close();
  await closed.close();
});

const withClients = (configuration: Configuration, clients: readonly (readonly [string, ClientConfiguration])[]): Configuration => ({
  ...configuration,
  clients: Object.fromEntries(clients),
});

const routeOf = (client: string) => (client === "web" ? "/api/auth/exchange" : `/api/auth/${client}`);

/** Besides the usual clients: one of each kind that may do nothing, and one of each that could do all and is disabled. */
function withOutsiders(configuration: Configuration): Configuration {
  const { web, cli, backend } = configuration.clients;
  if (web === undefined || cli === undefined || backend === undefined) throw new Error("the example's names have changed");
  const idle = { methods: [] };
  const off = { methods: forPublic, disabled: true };
  const routes = ["web", "idle-web", "off-web"].map((client) => ({ path: routeOf(client), client, provider: "main" }));
  return withClients({ ...configuration, routes: { exchange: routes, backend_token: [] } }, [
    ...Object.entries(configuration.clients),
    ["idle-web", { ...web, ...idle }],
    ["idle-cli", { ...cli, ...idle }],
    ["idle-backend", { ...backend, ...idle }],
    ["off-web", { ...web, ...off }],
    ["off-cli", { ...cli, ...off }],
    ["off-backend", { ...backend, methods: [...methods], disabled: true }],
    ["everything", { ...backend, methods: [...methods] }],
  ]);
}

const transport = () => createGrpcTransport({ baseUrl: stack.cambio.url });

/** Every method of every service in gen/. */
async function generated(): Promise<string[]> {
  const folder = join(import.meta.dirname, "../../gen");
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith("_pb.ts"));
  const modules = await Promise.all(files.map((file) => import(join(folder, file)) as Promise<Record<string, unknown>>));
  const services = modules.flatMap((module) => Object.values(module)).filter(isService);
  return services.flatMap(({ typeName, methods: all }) => all.map(({ name }) => `${typeName}/${name}`));
}

const post = async (path: string, { cambio } = stack): Promise<number> => {
  const response = await fetch(`${cambio.url}/${path}`, { method: "POST", headers: { "content-type": "application/json" }, body: "{}" });
  await response.text();
  return response.status;
};

async function ask(messageRequest: { case: "listServices" | "fileContainingSymbol"; value: string }) {
  const answers = createClient(ServerReflection, transport()).serverReflectionInfo(one({ messageRequest }));
  for await (const { messageResponse } of answers) return messageResponse;
  throw new Error("reflection said nothing");
}

describe("what the port serves", () => {
  it("is, by its own word, what is decided here: a method that is added later has to be decided first", async () => {
    const listed = await ask({ case: "listServices", value: "*" });
    if (listed.case !== "listServicesResponse") throw new Error("no list");
    const served: string[] = [];
    for (const { name } of listed.value.service) {
      const found = await ask({ case: "fileContainingSymbol", value: name });
      if (found.case !== "fileDescriptorResponse") throw new Error("no file");
      const services = found.value.fileDescriptorProto
        .map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes))
        .flatMap((file) =>
          file.service.map((service) => ({
            name: `${file.package}.${service.name}`,
            methods: service.method.map((method) => method.name),
          })),
        );
      served.push(
        ...services.filter((service) => service.name === name).flatMap((service) => service.methods.map((method) => `${name}/${method}`)),
      );
    }
    expect(served.toSorted()).toEqual([...open, ...guarded].toSorted());
  });

  it("is also what answers, of all that was ever generated: nothing is served that reflection does not tell of", async () => {
    const answering: string[] = [];
    for (const path of await generated()) if ((await post(path)) !== 404) answering.push(path);
    expect(answering.toSorted()).toEqual([...open, ...guarded].toSorted());
  });

  it("without reflection is the same without it", async () => {
    const answering: string[] = [];
    for (const path of await generated()) if ((await post(path, closed)) !== 404) answering.push(path);
    expect(answering.toSorted()).toEqual([...open.filter((path) => !path.startsWith("grpc.reflection")), ...guarded].toSorted());
  });

  it("is open where it is open by design, to nobody in particular", async () => {
    const health = createClient(Health, transport());
    expect((await health.check({})).status).toBe(1);
    expect(Object.keys((await health.list({})).statuses)).toContain(TokenExchangeService.typeName);
    const leaving = new AbortController();
    for await (const { status } of health.watch({}, { signal: leaving.signal })) {
      expect(status).toBe(1);
      break;
    }
    leaving.abort();
  });
});

function isService(value: unknown): value is DescService {
  return typeof value === "object" && value !== null && "kind" in value && value.kind === "service";
}

async function* one<T>(item: T): AsyncGenerator<T> {
  yield item;
}

const refusedFor = (reason: Reason, status: number): WireRefusal => ({
  status,
  code: expectedErrors[reason].code,
  reason,
  sentence: errorTable[reason].sentence,
});

describe.each(wireProtocols)("over $name", ({ name, encoding, send }) => {
  const statusOf = (reason: Reason) => (name.startsWith("gRPC") ? 200 : expectedErrors[reason].http);

  /** Each method with each way to send the body → how it was refused. */
  async function refusals(outsider: Outsider, ways: readonly Sent[], at = stack): Promise<Record<string, WireRefusal>> {
    const asked = (outsider.methods ?? methods).flatMap((method) => ways.map((sent) => ({ method, sent })));
    const answered = await Promise.all(
      asked.map(async ({ method, sent }) => {
        const headers = outsider.headers?.() ?? {};
        const body = encoded(method, named(method, outsider.clientId ?? ""));
        return [
          `${method}, ${sent}`,
          await send(at.cambio.port, { path: `/${TokenExchangeService.typeName}/${method}`, headers, body, sent }),
        ] as const;
      }),
    );
    return Object.fromEntries(answered);
  }

  const all = (outsider: Outsider, ways: readonly Sent[]): Record<string, WireRefusal> => {
    const each = (outsider.methods ?? methods).flatMap((method) => ways.map((sent) => `${method}, ${sent}`));
    return Object.fromEntries(each.map((key) => [key, refusedFor(outsider.reason, statusOf(outsider.reason))]));
  };

  function encoded(method: Method, message: JsonObject): Uint8Array {
    const { input } = TokenExchangeService.method[`${method.charAt(0).toLowerCase()}${method.slice(1)}` as "exchange"];
    return encoding === "json" ? Buffer.from(JSON.stringify(message)) : toBinary(input, fromJson(input, message));
  }

  it.each(atTheGate)("$who is refused before the body is read, though it never ends", async (outsider) => {
    const before = stack.provider.requests.length;
    expect(await refusals(outsider, ["whole", "unending", "huge"])).toEqual(all(outsider, ["whole", "unending", "huge"]));
    expect(stack.provider.requests.length).toBe(before);
  });

  it("nobody is, where no public client may do anything", async () => {
    const nobody = { who: "nobody", reason: "CALLER_UNAUTHENTICATED" } as const;
    expect(await refusals(nobody, ["whole", "unending", "huge"], closed)).toEqual(all(nobody, ["whole", "unending", "huge"]));
    expect(closed.provider.requests).toEqual([]);
  });

  it.each(byTheirMessage.map((outsider) => ({ methods: forPublic, ...outsider })))("$who is refused by the message", async (outsider) => {
    const before = stack.provider.requests.length;
    expect(await refusals(outsider, ["whole"])).toEqual(all(outsider, ["whole"]));
    expect(stack.provider.requests.length).toBe(before);
  });
});

describe("the plain routes", () => {
  const json = { "content-type": "application/json" };
  const path = "/api/auth/exchange";

  it("are the process's own, which are open by design, and those that the configuration names", async () => {
    const parts = { health: createHealthStatus(), metrics: createMetrics(), parts: () => ({}) };
    expect(processRoutes(parts).map((route) => `${route.method} ${route.path}`)).toEqual(["GET /livez", "GET /readyz", "GET /metrics"]);
    parts.metrics.close();
    const keySet = keySetRoute(() => ({ keys: [] }));
    expect(`${keySet.method} ${keySet.path}`).toBe("GET /.well-known/jwks.json");
    expect(Object.keys(stack.configuration.routes)).toEqual(["exchange", "backend_token"]);
    for (const { path: own } of stack.configuration.routes.exchange)
      expect((await fetch(closed.cambio.url + own, { method: "POST" })).status).toBe(404);
  });

  it.each([
    ["a service", () => ({ authorization: stack.authorization("backend") })],
    ["a wrong secret", () => ({ authorization: basic("backend", "wrong-wrong-wrong-wrong") })],
    ["an empty header", () => ({ authorization: "" })],
    ["a secret twice", () => ({ authorization: [stack.authorization("backend"), stack.authorization("backend")] })],
  ] as const)("let nobody in who shows what is no page's: %s, before the body is read, though it never ends", async (_who, headers) => {
    const before = stack.provider.requests.length;
    for (const { send } of plainProtocols) {
      for (const sent of ["whole", "unending", "huge"] as const) {
        const { status, body } = await send(stack.cambio.port, { path, headers: headers(), body: Buffer.from("{}"), sent });
        expect([status, JSON.parse(body)]).toEqual([
          401,
          expect.objectContaining({ reason: "CALLER_UNAUTHENTICATED", error: "invalid_client" }),
        ]);
      }
    }
    expect(stack.provider.requests.length).toBe(before);
  });

  it.each([
    ["another page", { origin: "https://evil.example" }, "web", "ORIGIN_NOT_ALLOWED"],
    ["a page without an address", { origin: "null" }, "web", "ORIGIN_NOT_ALLOWED"],
    ["a page whose client is disabled", { origin: page }, "off-web", "CALLER_NOT_ALLOWED"],
    ["a page whose client may do nothing", { origin: page }, "idle-web", "CALLER_NOT_ALLOWED"],
  ] as const)("let %s do nothing", async (_who, headers, client, reason) => {
    const before = stack.provider.requests.length;
    const body = JSON.stringify({ code: "code", code_verifier: "v".repeat(43), redirect_uri: `${page}/callback` });
    const response = await fetch(stack.cambio.url + routeOf(client), { method: "POST", headers: { ...json, ...headers }, body });
    expect([response.status, await response.json()]).toEqual([403, expect.objectContaining({ reason })]);
    expect(stack.provider.requests.length).toBe(before);
  });

  it.each(["GET", "HEAD", "PUT", "PATCH", "DELETE"])(
    "and the RPCs have nothing for %s, whoever asks and whatever stands in the address",
    async (method) => {
      const message = Buffer.from(JSON.stringify(goodMessages.ValidateCrossClient)).toString("base64url");
      const query = `?connect=v1&encoding=json&base64=1&message=${message}`;
      for (const rpc of [...guarded, ...open]) {
        const response = await fetch(`${stack.cambio.url}/${rpc}${query}`, {
          method,
          headers: { authorization: stack.authorization("orders") },
        });
        expect([rpc, response.status, await response.text()]).toEqual([rpc, 405, ""]);
      }
      expect((await fetch(`${stack.cambio.url}${path}?code=x`, { method })).status).toBe(405);
    },
  );
});
