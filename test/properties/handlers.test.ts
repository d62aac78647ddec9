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
afterAll(() => stack.close());

const known: ReadonlySet<string> = new Set(reasons);
/** What gRPC calls UNKNOWN and INTERNAL: a defect of ours, whatever was sent. */
const defects: ReadonlySet<string> = new Set(["2", "13"]);

/** What is wrong with an answer; undefined: nothing. */
function faultOf({ path }: OddRequest, answer: RawAnswer): string | undefined {
  stack.canary.saw("an answer to an odd request", answer.status === 200 ? JSON.stringify(answer.trailers) : answer.everything);
  const body = answer.body.toString("latin1");
  if (answer.status < 200) return `status ${answer.status}`;
  if (!/^[\x21-\x7e]+$/.test(textOf(answer.headers["x-request-id"]))) return "no request id";
  const [, inBody = ""] = /grpc-status: *(\d+)/.exec(body) ?? [];
  if ([inBody, textOf(answer.trailers["grpc-status"]), textOf(answer.headers["grpc-status"])].some((status) => defects.has(status)))
    return "a gRPC defect";
  if (answer.status < 500 || isFraming(path, answer)) return undefined;
  const [, reason = "none"] = /"reason":"(?:ERROR_REASON_)?(\w+)"/.exec(body) ?? [];
  return known.has(reason) && reason !== "INTERNAL" ? undefined : `status ${answer.status}, reason ${reason}`;
}

function textOf(header: unknown): string {
  return typeof header === "string" ? header : "";
}

/** What was no call at all: an encoding that nobody knows, and a stream of both directions over HTTP/1.1. */
function isFraming(path: string, { status, body }: RawAnswer): boolean {
  if (status === 505) return path.startsWith("/grpc.reflection.");
  return status === 501 && body.toString() === '{"code":"unimplemented","message":"This is not implemented here."}';
}

async function stillWorks(): Promise<readonly number[]> {
  const validated = await stack.cambio.validate(await stack.token());
  const { code, codeVerifier, redirectUri } = await stack.newCode();
  const message = { clientId: "web", authorizationCode: { code, codeVerifier, redirectUri } };
  const exchanged = await stack.cambio.rpc("Exchange", message, { origin: page });
  return [validated.status, exchanged.status];
}

describe.each([
  ["HTTP/1.1", overH1],
  ["HTTP/2", overH2],
] as const)("over %s", (_name, send) => {
  it("no input crashes a handler: there is always an answer, and never an error of ours", async () => {
    const authorizations = [stack.authorization("orders"), stack.authorization("backend")];
    await fc.assert(
      fc.asyncProperty(oddRequest(authorizations), async (request) => {
        expect(faultOf(request, await send({ port: stack.cambio.port, ...request }))).toBeUndefined();
      }),
      { numRuns: 600 },
    );
    expect(await stillWorks()).toEqual([200, 200]);
    expect(stack.cambio.logLines().filter((line) => line["reason"] === "INTERNAL")).toEqual([]);
    expect(stack.provider.violations).toEqual([]);
  });
});
