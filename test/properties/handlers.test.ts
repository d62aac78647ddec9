import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { reasons } from "../../src/exchange/errors.ts";
import { type FakeStack, page, startFakeStack } from "../support/fake-stack.ts";
import { overH1, overH2, type RawAnswer } from "../transport/raw-request.ts";
import { type OddRequest, oddRequest } from "./requests.ts";

let stack: FakeStack;
beforeAll(async () => {
  stack = await startFakeStack();
});
afterAll(async () => {
  expect(stack.provider.violations).toEqual([]);
  await stack.close();
});

const known: ReadonlySet<string> = new Set(reasons);
/** What gRPC calls UNKNOWN and INTERNAL: a defect of ours, whatever was sent. */
const defects: ReadonlySet<string> = new Set(["2", "13"]);

function judge({ path }: OddRequest, answer: RawAnswer): void {
  stack.canary.saw("an answer to an odd request", answer.status === 200 ? JSON.stringify(answer.trailers) : answer.everything);
  expect(answer.status).toBeGreaterThanOrEqual(200);
  expect(answer.headers["x-request-id"]).toMatch(/^[\x21-\x7e]+$/);
  const grpcStatus =
    answer.trailers["grpc-status"] ?? answer.headers["grpc-status"] ?? /grpc-status: *(\d+)/.exec(answer.body.toString("latin1"))?.[1];
  expect(defects.has(String(grpcStatus))).toBe(false);
  if (answer.status < 500 || isFraming(path, answer)) return;
  const reason = /ERROR_REASON_(\w+)/.exec(answer.body.toString())?.[1] ?? /"reason":"(\w+)"/.exec(answer.body.toString())?.[1];
  expect(known.has(reason ?? "none")).toBe(true);
  expect(reason).not.toBe("INTERNAL");
}

/** What was no call at all: an encoding that nobody knows, and a stream of both directions over HTTP/1.1. */
function isFraming(path: string, { status, body }: RawAnswer): boolean {
  if (status === 505) return path.startsWith("/grpc.reflection.");
  return status === 501 && body.toString() === '{"code":"unimplemented","message":"This is not implemented here."}';
}

async function stillWorks(): Promise<void> {
  expect((await stack.cambio.validate(await stack.token())).status).toBe(200);
  const { code, codeVerifier, redirectUri } = await stack.newCode();
  const message = { clientId: "web", authorizationCode: { code, codeVerifier, redirectUri } };
  expect((await stack.cambio.rpc("Exchange", message, { origin: page })).status).toBe(200);
  expect(stack.cambio.logLines().filter((line) => line["reason"] === "INTERNAL")).toEqual([]);
}

describe.each([
  ["HTTP/1.1", overH1],
  ["HTTP/2", overH2],
] as const)("over %s", (_name, send) => {
  it("no input crashes a handler: there is always an answer, and never an error of ours", async () => {
    const authorizations = [stack.authorization("orders"), stack.authorization("backend")];
    await fc.assert(
      fc.asyncProperty(oddRequest(authorizations), async (request) => {
        judge(request, await send({ port: stack.cambio.port, ...request }));
      }),
      { numRuns: 600 },
    );
    await stillWorks();
  });
});
