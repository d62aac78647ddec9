import { join } from "node:path";
import { fromBinary } from "@bufbuild/protobuf";
import { AnySchema } from "@bufbuild/protobuf/wkt";
import * as grpc from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ErrorDetailSchema, ErrorReason } from "../../gen/cambio/v1/error_pb.ts";
import { type PortRig, startPort } from "./port-rig.ts";

const definition = loadSync("cambio/v1/token_exchange_service.proto", { includeDirs: [join(import.meta.dirname, "../../proto")] });
const contract = grpc.loadPackageDefinition(definition)["cambio"] as grpc.GrpcObject;
const Service = (contract["v1"] as grpc.GrpcObject)["TokenExchangeService"] as grpc.ServiceClientConstructor;

let rig: PortRig;
let client: grpc.Client;
beforeAll(async () => {
  rig = await startPort();
  client = new Service(`127.0.0.1:${rig.port}`, grpc.credentials.createInsecure());
});
afterAll(async () => {
  client.close();
  await rig.close();
});

interface Exchanged {
  readonly tokens: { readonly accessToken: string };
}

const path = "/cambio.v1.TokenExchangeService/Exchange";

function call(request: object, { deadlineMs = 10_000, method = path } = {}): Promise<Exchanged> {
  const { requestSerialize, responseDeserialize } = Service.service["Exchange"] as grpc.MethodDefinition<object, Exchanged>;
  return new Promise((resolve, reject) => {
    const options = { deadline: Date.now() + deadlineMs };
    client.makeUnaryRequest(method, requestSerialize, responseDeserialize, request, new grpc.Metadata(), options, (error, answer) =>
      answer === undefined ? reject(error ?? new Error("no answer")) : resolve(answer),
    );
  });
}

const failure = (calling: Promise<unknown>) =>
  calling.then(
    () => expect.unreachable(),
    (thrown: unknown) => thrown as grpc.ServiceError,
  );

/** The one detail of a google.rpc.Status, whose third field is a list of Any. */
function detailOf(error: grpc.ServiceError) {
  const [status] = error.metadata.get("grpc-status-details-bin") as Buffer[];
  if (status === undefined) return undefined;
  const start = status.indexOf("type.googleapis.com/cambio.v1.ErrorDetail") - 2;
  return fromBinary(ErrorDetailSchema, fromBinary(AnySchema, status.subarray(start)).value);
}

describe("somebody else's gRPC client", () => {
  it("gets an answer", async () => {
    expect((await call({ clientId: "grpc-js" })).tokens.accessToken).toBe("token for grpc-js");
  });

  it("gets a failure with its code, sentence and detail", async () => {
    const error = await failure(call({ provider: "expired" }));
    expect([error.code, error.details]).toEqual([grpc.status.UNAUTHENTICATED, "The token is expired."]);
    expect(detailOf(error)?.reason).toBe(ErrorReason.TOKEN_EXPIRED);
  });

  it("ends by its own deadline", async () => {
    expect((await failure(call({ provider: "deaf" }, { deadlineMs: 80 }))).code).toBe(grpc.status.DEADLINE_EXCEEDED);
  });

  it("takes the answer to an unknown method for unimplemented", async () => {
    expect((await failure(call({}, { method: "/cambio.v1.TokenExchangeService/Nothing" }))).code).toBe(grpc.status.UNIMPLEMENTED);
  });

  it("does a hundred calls at once on one connection", async () => {
    const answers = await Promise.all(Array.from({ length: 100 }, (_, i) => call({ clientId: `c${i}` })));
    expect(answers.map((answer) => answer.tokens.accessToken)).toEqual(Array.from({ length: 100 }, (_, i) => `token for c${i}`));
  });
});
