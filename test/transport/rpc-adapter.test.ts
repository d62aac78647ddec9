import { Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ErrorDetailSchema, ErrorField, ErrorReason } from "../../gen/cambio/v1/error_pb.ts";
import { TokenExchangeService } from "../../gen/cambio/v1/token_exchange_service_pb.ts";
import { ExchangeError } from "../../src/exchange/errors.ts";
import { canary, type PortRig, startPort } from "./port-rig.ts";

let rig: PortRig;
beforeAll(async () => {
  rig = await startPort({
    gate(context) {
      if (context.requestHeader.get("authorization") === "Basic wrong")
        throw new ExchangeError("CALLER_UNAUTHENTICATED", { field: "CALLER" });
      if (context.requestHeader.get("authorization") === "Basic broken") throw new Error(canary);
    },
  });
});
afterAll(() => rig.close());

const transports: Record<string, () => Transport> = {
  gRPC: () => createGrpcTransport({ baseUrl: rig.base }),
  "gRPC-Web over HTTP/1.1": () => createGrpcWebTransport({ baseUrl: rig.base, httpVersion: "1.1" }),
  "gRPC-Web over HTTP/2": () => createGrpcWebTransport({ baseUrl: rig.base, httpVersion: "2" }),
  "Connect over HTTP/1.1": () => createConnectTransport({ baseUrl: rig.base, httpVersion: "1.1" }),
  "Connect over HTTP/2, binary": () => createConnectTransport({ baseUrl: rig.base, httpVersion: "2", useBinaryFormat: true }),
};

describe.each(Object.entries(transports))("the adapter over %s", (name, transport) => {
  const requestId = `ends.${name.replace(/\W/g, "-")}`;
  const call = (provider: string, options = {}) =>
    createClient(TokenExchangeService, transport()).exchange({ clientId: "app", provider }, options);

  async function failure(provider: string, options = {}) {
    const error = ConnectError.from(
      await call(provider, options).then(
        () => expect.unreachable(),
        (thrown: unknown) => thrown,
      ),
    );
    const [detail, ...more] = error.findDetails(ErrorDetailSchema);
    expect(more).toEqual([]);
    return { error, detail };
  }

  it("answers a call", async () => {
    expect((await call("")).tokens?.accessToken).toBe("token for app");
  });

  it("sends a decided failure with its code, fixed sentence and one detail", async () => {
    const { error, detail } = await failure("expired", { headers: { "x-request-id": "id-of-the-caller" } });
    expect(error.code).toBe(Code.Unauthenticated);
    expect(error.rawMessage).toBe("The token is expired.");
    expect(detail).toMatchObject({ reason: ErrorReason.TOKEN_EXPIRED, field: ErrorField.SUBJECT_TOKEN, requestId: "id-of-the-caller" });
    expect(detail?.expiredAt?.seconds).toBe(1_700_000_000n);
  });

  it.each(["broken", "library"])("says nothing of what an unexpected exception says (%s)", async (provider) => {
    const { error, detail } = await failure(provider);
    expect(error.code).toBe(Code.Internal);
    expect(detail?.reason).toBe(ErrorReason.INTERNAL);
    expect(JSON.stringify(error)).not.toContain(canary);
  });

  it("answers for a method without an implementation without a word of the library", async () => {
    const error = ConnectError.from(
      await createClient(TokenExchangeService, transport())
        .refresh({})
        .catch((thrown: unknown) => thrown),
    );
    expect(error.rawMessage).toBe("An error in this service.");
  });

  it.each([
    ["Basic wrong", ErrorReason.CALLER_UNAUTHENTICATED],
    ["Basic broken", ErrorReason.INTERNAL],
  ])("refuses at the gate, before the body is decoded (%s)", async (authorization, reason) => {
    const before = rig.backend.seen.length;
    const { error, detail } = await failure("", { headers: { authorization } });
    expect(detail?.reason).toBe(reason);
    expect(JSON.stringify(error)).not.toContain(canary);
    expect(rig.backend.seen.length).toBe(before);
  });

  it("refuses a message of more than 64 KiB, and takes one of nearly as much", async () => {
    const client = createClient(TokenExchangeService, transport());
    const big = (bytes: number) => client.exchange({ clientId: "x".repeat(bytes) });
    expect((await big(65_000)).tokens?.accessToken).toHaveLength(65_010);
    const error = ConnectError.from(await big(66_000).catch((thrown: unknown) => thrown));
    expect(error.code).toBe(Code.ResourceExhausted);
    expect(error.findDetails(ErrorDetailSchema)[0]?.reason).toBe(ErrorReason.MESSAGE_TOO_LARGE);
  });

  it("ends with the client's own time limit, where that is nearer than ours", async () => {
    const { error } = await failure("deaf", { timeoutMs: 60 });
    expect(error.code).toBe(Code.DeadlineExceeded);
  });

  it("takes a time limit of a year for ours", async () => {
    const headers = { "grpc-timeout": "99999999H", "connect-timeout-ms": "9999999999" };
    expect((await call("", { headers })).tokens?.accessToken).toBe("token for app");
  });

  it("gives every call exactly one end, with a request id that the answer carries too", async () => {
    let header = "";
    await call("", {
      headers: { "x-request-id": requestId },
      onHeader: (headers: Headers) => (header = headers.get("x-request-id") ?? ""),
    });
    const { call: seen, code, status } = await rig.end(requestId);
    expect({ header, method: seen.method, code, status }).toEqual({
      header: requestId,
      method: "cambio.v1.TokenExchangeService/Exchange",
      code: "ok",
      status: 200,
    });
    expect(rig.ended.filter((one) => one.call.requestId === requestId)).toHaveLength(1);
  });
});
