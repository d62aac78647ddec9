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
import { basic } from "../../examples/clients.ts";
import { backendRedirectUri, type FakeStack, page, startFakeStack } from "../support/fake-stack.ts";
import { expectedErrors } from "./expected-errors.ts";
import { strange } from "./protocol-case.ts";
import { type Sent, type WireRefusal, wireProtocols } from "./wire-caller.ts";

/** Open by design, to everybody who reaches the port. A method that is not here and not in the contract must be decided first. */
const open = [
  "grpc.health.v1.Health/Check",
  "grpc.health.v1.Health/List",
  "grpc.health.v1.Health/Watch",
  "grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
  "grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
];
const guarded = methods.map((name) => `${TokenExchangeService.typeName}/${name}`);

/** Nobody may validate who has not proved himself: there is no client in the message. */
const forPublic = methods.filter((name) => name !== "ValidateCrossClient");

const code = { ...strange, clientId: "" };
/** One message for each guarded method with which nothing is wrong but its caller. Whoever adds a method says it here. */
const goodMessages: Readonly<Record<Method, JsonObject>> = {
  Exchange: code,
  Refresh: { provider: "main", refreshToken: "refresh-of-nobody" },
  ValidateCrossClient: { token: { value: "e30.e30.e30" } },
  CreateAuthorizationUrl: { provider: "main", redirectUri: backendRedirectUri },
  Revoke: { provider: "main", token: { value: "token-of-nobody" } },
};

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
      routes: { exchange: [] },
    }),
  });
});
afterAll(async () => {
  await stack.close();
  await closed.close();
});

const withClients = (configuration: Configuration, clients: readonly (readonly [string, ClientConfiguration])[]): Configuration => ({
  ...configuration,
  clients: Object.fromEntries(clients) as Configuration["clients"],
});

/** Besides the usual clients: one of each kind that may do nothing, and one of each that could do all and is disabled. */
function withOutsiders(configuration: Configuration): Configuration {
  const { web, cli, backend } = configuration.clients;
  if (web === undefined || cli === undefined || backend === undefined) throw new Error("the example's names have changed");
  const idle = { methods: [], raw_refresh_tokens: undefined };
  const off = { methods: forPublic, disabled: true };
  return withClients(configuration, [
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

describe("what the port serves", () => {
  const transport = () => createGrpcTransport({ baseUrl: stack.cambio.url });

  async function ask(messageRequest: { case: "listServices" | "fileContainingSymbol"; value: string }) {
    const answers = createClient(ServerReflection, transport()).serverReflectionInfo(one({ messageRequest }));
    for await (const { messageResponse } of answers) return messageResponse;
    throw new Error("reflection said nothing");
  }

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
});

function isService(value: unknown): value is DescService {
  return typeof value === "object" && value !== null && "kind" in value && value.kind === "service";
}

async function* one<T>(item: T): AsyncGenerator<T> {
  yield item;
}

interface Outsider {
  readonly who: string;
  readonly headers?: () => Readonly<Record<string, string | string[]>>;
  /** Named in the message; default: nobody. */
  readonly clientId?: string;
  /** Default: all. */
  readonly methods?: readonly Method[];
  readonly reason: Reason;
}

const secret = (id: string) => () => ({ authorization: basic(id, "backend-secret-canary-0123456789") });
const except = (...names: readonly Method[]) => methods.filter((name) => !names.includes(name));

/** Refused by what is shown, so that not a byte of the body matters. */
const atTheGate: readonly Outsider[] = [
  {
    who: "a service with a wrong secret",
    headers: () => ({ authorization: basic("everything", "wrong-wrong-wrong-wrong") }),
    reason: "CALLER_UNAUTHENTICATED",
  },
  { who: "a service that does not exist", headers: secret("nobody"), reason: "CALLER_UNAUTHENTICATED" },
  { who: "a service under the id of a page", headers: secret("web"), reason: "CALLER_UNAUTHENTICATED" },
  { who: "a service under the id of a command-line tool", headers: secret("cli"), reason: "CALLER_UNAUTHENTICATED" },
  { who: "an empty header", headers: () => ({ authorization: "" }), reason: "CALLER_UNAUTHENTICATED" },
  { who: "a scheme that nobody knows", headers: () => ({ authorization: "Digest username=everything" }), reason: "CALLER_UNAUTHENTICATED" },
  { who: "a token of anybody", headers: () => ({ authorization: "Bearer e30.e30.e30" }), reason: "CALLER_UNAUTHENTICATED" },
  {
    who: "a good secret twice",
    headers: () => ({ authorization: [secret("everything")().authorization, secret("everything")().authorization] }),
    reason: "CALLER_UNAUTHENTICATED",
  },
  { who: "a service that may do nothing", headers: secret("idle-backend"), reason: "CALLER_NOT_ALLOWED" },
  { who: "a service that is disabled", headers: secret("off-backend"), reason: "CALLER_NOT_ALLOWED" },
  {
    who: "a service without that method",
    headers: () => ({ authorization: stack.authorization("orders") }),
    methods: except("ValidateCrossClient"),
    reason: "CALLER_NOT_ALLOWED",
  },
  {
    who: "another service without that method",
    headers: secret("backend"),
    methods: ["ValidateCrossClient"],
    reason: "CALLER_NOT_ALLOWED",
  },
  {
    who: "a page that found a service's secret",
    headers: () => ({ ...secret("everything")(), origin: page }),
    reason: "ORIGIN_NOT_ALLOWED",
  },
  { who: "nobody", methods: ["ValidateCrossClient"], reason: "CALLER_UNAUTHENTICATED" },
  { who: "a page", headers: () => ({ origin: page }), methods: ["ValidateCrossClient"], reason: "CALLER_UNAUTHENTICATED" },
];

/** Refused by what the message says, right after it was decoded. */
const byTheirMessage: readonly Outsider[] = [
  { who: "nobody", reason: "CALLER_UNAUTHENTICATED" },
  { who: "a client that does not exist", clientId: "nobody", reason: "CALLER_UNAUTHENTICATED" },
  { who: "a service's name without its proof", clientId: "everything", reason: "CALLER_UNAUTHENTICATED" },
  { who: "a service under the name of a page", clientId: "web", headers: secret("everything"), reason: "CALLER_UNAUTHENTICATED" },
  { who: "a service under another's name", clientId: "backend", headers: secret("everything"), reason: "CALLER_UNAUTHENTICATED" },
  { who: "a page that may do nothing", clientId: "idle-web", headers: () => ({ origin: page }), reason: "CALLER_NOT_ALLOWED" },
  { who: "a tool that may do nothing", clientId: "idle-cli", reason: "CALLER_NOT_ALLOWED" },
  { who: "a page that is disabled", clientId: "off-web", headers: () => ({ origin: page }), reason: "CALLER_NOT_ALLOWED" },
  { who: "a tool that is disabled", clientId: "off-cli", reason: "CALLER_NOT_ALLOWED" },
  { who: "a page of another origin", clientId: "web", headers: () => ({ origin: "https://evil.example" }), reason: "ORIGIN_NOT_ALLOWED" },
  { who: "a page without an address", clientId: "web", headers: () => ({ origin: "null" }), reason: "ORIGIN_NOT_ALLOWED" },
  { who: "a page in the name of a tool", clientId: "cli", headers: () => ({ origin: page }), reason: "ORIGIN_NOT_ALLOWED" },
  { who: "a script in the name of a page", clientId: "web", methods: ["CreateAuthorizationUrl"], reason: "ORIGIN_NOT_ALLOWED" },
];

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
