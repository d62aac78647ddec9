import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fromBinary } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ErrorDetailSchema, ErrorField, ErrorReason } from "../../gen/cambio/v1/error_pb.ts";
import { ServerReflection } from "../../gen/grpc/reflection/v1/reflection_pb.ts";
import { type FakeStack, startFakeStack } from "../support/fake-stack.ts";

const buf = join(import.meta.dirname, "../../node_modules/@bufbuild/buf/bin/buf");

let stack: FakeStack;
let empty: string;
beforeAll(async () => {
  stack = await startFakeStack();
  // No schema at hand: nothing here, and the home of a user who never used buf.
  empty = await mkdtemp(join(tmpdir(), "cambio-buf-"));
});
afterAll(async () => {
  await rm(empty, { recursive: true });
  await stack.close();
});

interface Run {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

interface Printed {
  readonly code: string;
  readonly message: string;
  readonly details: readonly { readonly type: string; readonly value: string }[];
}

function bufCurl(...words: readonly string[]): Promise<Run> {
  const options = { cwd: empty, env: { ...process.env, HOME: empty }, timeout: 15_000 };
  return new Promise((resolve) => {
    execFile(process.execPath, [buf, "curl", ...words], options, (error, out, err) => {
      stack.canary.saw("the errors of buf curl", err);
      resolve({ status: error === null ? 0 : Number(error.code), out, err });
    });
  });
}

const asOrders = () => ["-H", `authorization: ${stack.authorization("orders")}`];

async function* question() {
  yield { messageRequest: { case: "fileContainingSymbol", value: "cambio.v1.ErrorDetail" } } as const;
}

describe.each(["grpc", "grpcweb", "connect"])("buf curl over %s, with nothing but the address", (protocol) => {
  const call = (method: string, message: object, ...words: readonly string[]) => {
    const url = `${stack.cambio.url}/cambio.v1.TokenExchangeService/${method}`;
    return bufCurl("--protocol", protocol, "--http2-prior-knowledge", "-d", JSON.stringify(message), ...words, url);
  };

  it("prints what a token says", async () => {
    const { status, out, err } = await call("ValidateCrossClient", { token: { value: await stack.token() } }, ...asOrders());
    expect({ status, err }).toEqual({ status: 0, err: "" });
    expect(JSON.parse(out)).toMatchObject({ claims: { subject: "alice", clientId: "cambio" }, source: "VALIDATION_SOURCE_LOCAL_KEYS" });
  });

  it("prints why a token is refused, with the instant at which it expired", async () => {
    const exp = Math.floor(stack.time.nowMs / 1000) - 60;
    const token = await stack.token({ iat: exp - 600, exp });
    const { status, err } = await call("ValidateCrossClient", { token: { value: token } }, ...asOrders());
    expect(status).not.toBe(0);
    const { code, message, details } = JSON.parse(err) as Printed;
    expect({ code, message, types: details.map(({ type }) => type) }).toEqual({
      code: "unauthenticated",
      message: "The token is expired.",
      types: ["cambio.v1.ErrorDetail"],
    });
    const detail = fromBinary(ErrorDetailSchema, Buffer.from(details[0]?.value ?? "", "base64"));
    expect(detail).toMatchObject({ reason: ErrorReason.TOKEN_EXPIRED, field: ErrorField.SUBJECT_TOKEN, oauthError: "invalid_token" });
    expect(detail.expiredAt?.seconds).toBe(BigInt(exp));
  });
});

it("buf curl lists the services and the methods of the contract", async () => {
  const services = await bufCurl("--http2-prior-knowledge", "--list-services", stack.cambio.url);
  expect(services.out.split("\n")).toEqual(expect.arrayContaining(["cambio.v1.TokenExchangeService", "grpc.health.v1.Health"]));
  const methods = await bufCurl("--http2-prior-knowledge", "--list-methods", stack.cambio.url);
  expect(methods.out.split("\n")).toEqual(
    expect.arrayContaining(
      ["CreateAuthorizationUrl", "Exchange", "Refresh", "ValidateCrossClient"].map((name) => `cambio.v1.TokenExchangeService/${name}`),
    ),
  );
});

it("whoever has only reflection can read error details too, although no service mentions them", async () => {
  const client = createClient(ServerReflection, createGrpcTransport({ baseUrl: stack.cambio.url }));
  for await (const { messageResponse } of client.serverReflectionInfo(question())) {
    expect(messageResponse.case).toBe("fileDescriptorResponse");
  }
  expect.assertions(1);
});
