import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { fromBinary, type MessageInitShape } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import * as v1 from "../../gen/grpc/reflection/v1/reflection_pb.ts";
import * as v1alpha from "../../gen/grpc/reflection/v1alpha/reflection_pb.ts";
import { exchangePath, type PortRig, startPort } from "./port-rig.ts";
import { overH1 } from "./raw-request.ts";

let rig: PortRig;
beforeAll(async () => {
  rig = await startPort({ limits: { reflectionRequests: 3 } });
});
afterAll(() => rig.close());

const transport = () => createGrpcTransport({ baseUrl: rig.base });

type Ask = MessageInitShape<typeof v1.ServerReflectionRequestSchema>;
type Answer = v1.ServerReflectionResponse | v1alpha.ServerReflectionResponse;

async function* these<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}

async function all(stream: AsyncIterable<Answer>): Promise<Answer[]> {
  const answers: Answer[] = [];
  for await (const one of stream) answers.push(one);
  return answers;
}

const versions = {
  v1: (...asks: readonly Ask[]) => all(createClient(v1.ServerReflection, transport()).serverReflectionInfo(these(asks))),
  v1alpha: (...asks: readonly Ask[]) =>
    all(
      createClient(v1alpha.ServerReflection, transport()).serverReflectionInfo(
        these(asks as MessageInitShape<typeof v1alpha.ServerReflectionRequestSchema>[]),
      ),
    ),
};

const ours = "cambio/v1/token_exchange_service.proto";

describe.each(Object.entries(versions))("reflection %s", (_, ask) => {
  const one = async (request: Ask) => (await ask(request))[0]?.messageResponse;
  const names = async (request: Ask) => {
    const answer = await one(request);
    if (answer?.case !== "fileDescriptorResponse") return answer?.value;
    return answer.value.fileDescriptorProto.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes).name);
  };

  it("lists the services", async () => {
    const answer = await one({ messageRequest: { case: "listServices", value: "*" } });
    expect(answer).toMatchObject({
      case: "listServicesResponse",
      value: {
        service: [
          { name: "cambio.v1.TokenExchangeService" },
          { name: "grpc.health.v1.Health" },
          { name: "grpc.reflection.v1.ServerReflection" },
          { name: "grpc.reflection.v1alpha.ServerReflection" },
        ],
      },
    });
  });

  it("answers with a file after all that it imports", async () => {
    const files = await names({ messageRequest: { case: "fileByFilename", value: ours } });
    expect(files).toEqual(["cambio/v1/account.proto", "google/protobuf/timestamp.proto", "cambio/v1/token.proto", ours]);
  });

  it.each([
    "cambio.v1.TokenExchangeService",
    "cambio.v1.TokenExchangeService.Exchange",
    "cambio.v1.ExchangeRequest",
    "cambio.v1.ExchangeRequest.client_id",
  ])("finds the file of a symbol: %s", async (value) => {
    expect(await names({ messageRequest: { case: "fileContainingSymbol", value } })).toContain(ours);
  });

  it.each(["cambio.v1.Issuance", "cambio.v1.ISSUANCE_PASSTHROUGH"])("finds enums and, beside them, their values: %s", async (value) => {
    expect(await names({ messageRequest: { case: "fileContainingSymbol", value } })).toContain("cambio/v1/token.proto");
  });

  it("tells that there are no extensions", async () => {
    const known = await one({ messageRequest: { case: "allExtensionNumbersOfType", value: "cambio.v1.Token" } });
    expect(known).toMatchObject({ case: "allExtensionNumbersResponse", value: { baseTypeName: "cambio.v1.Token", extensionNumber: [] } });
  });

  it.each<Ask["messageRequest"]>([
    { case: "fileByFilename", value: "/etc/passwd" },
    { case: "fileContainingSymbol", value: "cambio.v1.Nothing" },
    { case: "fileContainingExtension", value: { containingType: "cambio.v1.Token", extensionNumber: 1 } },
    { case: "allExtensionNumbersOfType", value: "cambio.v1.Nothing" },
  ])("answers NOT_FOUND, and goes on, for what is not here: $case", async (messageRequest) => {
    const answers = await ask({ host: "h", messageRequest } as Ask, { messageRequest: { case: "listServices", value: "" } });
    expect(answers[0]).toMatchObject({ validHost: "h", originalRequest: { messageRequest: { case: messageRequest?.case } } });
    expect(answers[0]?.messageResponse).toMatchObject({ case: "errorResponse", value: { errorCode: 5 } });
    expect(answers[1]?.messageResponse.case).toBe("listServicesResponse");
  });

  it("answers INVALID_ARGUMENT to a request that asks nothing", async () => {
    expect(await one({})).toMatchObject({ case: "errorResponse", value: { errorCode: 3 } });
  });

  it("ends a stream after its bound of requests", async () => {
    const asks = Array.from({ length: 9 }, () => ({ messageRequest: { case: "listServices", value: "" } }) as const);
    expect(await ask(...asks)).toHaveLength(3);
  });
});

it("needs HTTP/2, and says so", async () => {
  const path = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
  const answer = await overH1({ port: rig.port, path, headers: { "content-type": "application/connect+proto" } });
  expect(answer).toMatchObject({ status: 505, headers: { connection: "close" } });
});

describe("buf curl, with no schema at hand", () => {
  const buf = join(import.meta.dirname, "../../node_modules/.bin/buf");
  const curl = (...args: readonly string[]) => promisify(execFile)(buf, ["curl", ...args], { timeout: 15_000 });

  it.each(["grpc", "grpcweb", "connect"])("calls over %s", async (protocol) => {
    const { stdout } = await curl("--protocol", protocol, "--data", `{"clientId":"app"}`, `${rig.base}${exchangePath}`);
    expect(JSON.parse(stdout)).toEqual({ tokens: { accessToken: "token for app" } });
  });

  it.each(["grpc-v1", "grpc-v1alpha"])("lists the methods by %s", async (version) => {
    const { stdout } = await curl("--reflect-protocol", version, "--list-methods", rig.base);
    expect(stdout).toContain("cambio.v1.TokenExchangeService/ValidateCrossClient");
  });
});
