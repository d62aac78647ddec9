import { once } from "node:events";
import { createServer } from "node:http2";
import type { AddressInfo } from "node:net";
import { timestampDate } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createClient, type Interceptor, type Transport } from "@connectrpc/connect";
import { connectNodeAdapter, createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ErrorDetailSchema, ErrorField, ErrorReason } from "../../../gen/cambio/v1/error_pb.ts";
import { Health, HealthCheckResponse_ServingStatus as Status } from "../../../gen/health/v1/health_pb.ts";
import { createBearerInterceptor, tokenClaims } from "../../../src/client/node/index.ts";
import { type GuardRig, startGuardRig } from "./guard-rig.ts";

let rig: GuardRig;
let url: string;
const stopped = new AsyncDisposableStack();
/** Subjects that the handler saw. */
const subjects: (string | undefined)[] = [];

async function startServer(interceptor: Interceptor): Promise<string> {
  const handler = connectNodeAdapter({
    routes: (router) => {
      router.service(
        Health,
        {
          check(_request, { values }) {
            subjects.push(values.get(tokenClaims)?.subject);
            return { status: Status.SERVING };
          },
          async *watch(_request, { values }) {
            subjects.push(values.get(tokenClaims)?.subject);
            yield { status: Status.SERVING };
          },
        },
        { interceptors: [interceptor] },
      );
    },
  });
  const server = createServer(handler).listen(0, "localhost");
  await once(server, "listening");
  stopped.defer(() => new Promise<void>((resolve) => server.close(() => resolve())));
  return `http://localhost:${(server.address() as AddressInfo).port}`;
}

beforeAll(async () => {
  rig = await startGuardRig();
  url = await startServer(rig.guard().requireToken({ scopes: ["orders:read"] }).connect);
});
afterAll(async () => {
  await stopped.disposeAsync();
  await rig.close();
});

const seconds = () => Math.floor(rig.stack.time.nowMs / 1_000);

function detailOf(error: ConnectError) {
  const details = error.findDetails(ErrorDetailSchema);
  expect(details.length).toBe(1);
  return details[0];
}

const protocols: readonly { readonly protocol: string; readonly connect: (baseUrl: string, interceptors: Interceptor[]) => Transport }[] = [
  {
    protocol: "Connect",
    connect: (baseUrl, interceptors) => createConnectTransport({ baseUrl, httpVersion: "2", interceptors, idleConnectionTimeoutMs: 50 }),
  },
  { protocol: "gRPC", connect: (baseUrl, interceptors) => createGrpcTransport({ baseUrl, interceptors, idleConnectionTimeoutMs: 50 }) },
  {
    protocol: "gRPC-Web",
    connect: (baseUrl, interceptors) => createGrpcWebTransport({ baseUrl, httpVersion: "2", interceptors, idleConnectionTimeoutMs: 50 }),
  },
];

describe.each(protocols)("a guarded service over $protocol", ({ connect }) => {
  const clientWith = (token: string, baseUrl = url) =>
    createClient(
      Health,
      connect(baseUrl, [
        createBearerInterceptor(
          () => new URL(baseUrl).origin,
          async () => token,
        ),
      ]),
    );

  async function refusal(token: string | undefined, baseUrl = url): Promise<ConnectError> {
    const client = token === undefined ? createClient(Health, connect(baseUrl, [])) : clientWith(token, baseUrl);
    try {
      await client.check({});
    } catch (failure) {
      return ConnectError.from(failure);
    }
    throw new Error("This call was let through.");
  }

  it("hands the claims to unary and streaming methods", async () => {
    subjects.length = 0;
    const client = clientWith(await rig.stack.token({ sub: "bob" }));
    expect((await client.check({})).status).toBe(Status.SERVING);
    for await (const { status } of client.watch({})) expect(status).toBe(Status.SERVING);
    expect(subjects).toEqual(["bob", "bob"]);
  });

  it("says that a token expired, and when, as data", async () => {
    const exp = seconds() - 5;
    const error = await refusal(await rig.stack.token({ iat: exp - 600, exp }));
    expect(error.code).toBe(Code.Unauthenticated);
    expect(error.metadata.get("www-authenticate")).toContain("The token expired at ");
    const detail = detailOf(error);
    expect(detail).toMatchObject({ reason: ErrorReason.TOKEN_EXPIRED, field: ErrorField.CALLER, oauthError: "invalid_token" });
    expect(detail?.expiredAt && timestampDate(detail.expiredAt)).toEqual(new Date(exp * 1_000));
  });

  it("asks for a token where there is none, and for a scope where it lacks", async () => {
    const missing = await refusal(undefined);
    expect([missing.code, missing.metadata.get("www-authenticate")]).toEqual([Code.Unauthenticated, "Bearer"]);
    expect(detailOf(missing)?.reason).toBe(ErrorReason.CALLER_UNAUTHENTICATED);
    const lacking = await refusal(await rig.stack.token({ scope: "orders:list" }));
    expect(lacking.code).toBe(Code.PermissionDenied);
    expect(detailOf(lacking)?.reason).toBe(ErrorReason.SCOPE_INSUFFICIENT);
  });

  it("lets nobody through while Cambio is away", async () => {
    const gone = await rig.stack.another();
    await gone.close();
    const alone = await startServer(rig.guard({ cambio: gone.url }).requireToken().connect);
    subjects.length = 0;
    const error = await refusal(await rig.stack.token(), alone);
    expect([error.code, error.metadata.get("retry-after")]).toEqual([Code.Unavailable, "1"]);
    expect(detailOf(error)).toMatchObject({ oauthError: "temporarily_unavailable", retryAfter: { seconds: 1n } });
    expect(subjects).toEqual([]);
  });
});

it("a bearer goes to its own origin and no other", async () => {
  const asked: string[] = [];
  const interceptor = createBearerInterceptor(
    () => "https://api.example",
    async () => {
      asked.push("token");
      return "token";
    },
  );
  const client = createClient(
    Health,
    createConnectTransport({ baseUrl: url, httpVersion: "2", interceptors: [interceptor], idleConnectionTimeoutMs: 50 }),
  );
  await expect(client.check({})).rejects.toMatchObject({ code: Code.Unauthenticated });
  expect(asked).toEqual([]);
});
