import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { JsonObject } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { methods } from "../../src/exchange/clients.ts";
import { type Reason, reasons } from "../../src/exchange/errors.ts";
import { errorTable } from "../../src/rpc/error-table.ts";
import { page, registerTokens } from "../support/fake-stack.ts";
import { expectedErrors, provokedElsewhere } from "./expected-errors.ts";
import { grpcJsCaller } from "./grpc-js-caller.ts";
import type { Case, Role } from "./protocol-case.ts";
import { connectBinaryCaller, connectJsonCaller, fetchCaller, grpcWebCaller, type ProtocolCaller } from "./protocol-callers.ts";
import { refusalCases } from "./refusal-cases.ts";
import { successCases } from "./success-cases.ts";
import { upstreamCases } from "./upstream-cases.ts";
import { type StackName, startWorld, type World } from "./protocol-world.ts";
import { validationCases } from "./validation-cases.ts";

const cases: readonly Case[] = [...successCases, ...refusalCases, ...upstreamCases, ...validationCases];

interface Protocol {
  readonly name: string;
  readonly open: (url: string) => ProtocolCaller;
  /** A page has no way to speak gRPC itself (it cannot read trailers), and everybody can speak the others. */
  readonly forPages: boolean;
}

const protocols: readonly Protocol[] = [
  { name: "gRPC by grpc-js", open: grpcJsCaller, forPages: false },
  { name: "gRPC-Web over HTTP/1.1", open: grpcWebCaller, forPages: true },
  { name: "Connect with JSON over HTTP/1.1", open: connectJsonCaller, forPages: true },
  { name: "Connect in binary over HTTP/2", open: connectBinaryCaller, forPages: true },
  { name: "a POST with JSON", open: fetchCaller, forPages: true },
];

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world.close());

const rolesHeaders = (role: Role): Readonly<Record<string, string>> => {
  if (role === "web") return { origin: page };
  return role === "cli" ? {} : { authorization: world.usual.authorization(role) };
};

describe.each(protocols)("over $name", ({ name, open, forPages }) => {
  const callers = new Map<StackName, ProtocolCaller>();
  afterAll(() => {
    for (const caller of callers.values()) caller.close();
  });
  const callerAt = (stack: StackName): ProtocolCaller => {
    const caller = callers.get(stack) ?? open(world[stack].cambio.url);
    callers.set(stack, caller);
    return caller;
  };

  const mine = cases
    .filter(({ as }) => forPages || as !== "web")
    .map((one, index) => ({ ...one, requestId: `${name.replace(/\W/g, "-")}.${index}` }));

  it.each(mine)("$as, $method: $name", async (one) => {
    const { method, on = "usual", expected, requestId } = one;
    const { canary } = world[on];
    const headers = { ...(one.headers ?? rolesHeaders(one.as)), "x-request-id": requestId };
    const answered = await callerAt(on).call({ method, message: await one.message(world), headers });
    if (answered.kind === "ok") registerTokens(canary, answered.message["tokens"]);
    else canary.saw(`an error over ${name}`, answered.everything);

    if (typeof expected === "function") {
      expect(answered).toMatchObject({ kind: "ok", message: expected(world) });
      return;
    }
    if (answered.kind === "ok") expect.unreachable(`${method} succeeded`);
    const { code, http } = expectedErrors[expected];
    const { details, message, httpStatus = http } = answered;
    expect({ code: answered.code, httpStatus, message }).toEqual({ code, httpStatus: http, message: errorTable[expected].sentence });
    expect(details).toHaveLength(1);
    expect(withoutWait(details[0] ?? {})).toEqual(expectedDetail(one, expected, requestId));
    if (expectedErrors[expected].retryAfter) expect(details[0]?.["retryAfter"]).toMatch(/^[1-9]\d*(\.\d+)?s$/);
  });
});

function expectedDetail({ expiredAt }: Case, reason: Reason, requestId: string): JsonObject {
  const { oauth, field, reauthenticate } = expectedErrors[reason];
  return {
    reason: `ERROR_REASON_${reason}`,
    ...(field === undefined ? {} : { field: `ERROR_FIELD_${field}` }),
    oauthError: oauth,
    ...(expiredAt === undefined ? {} : { expiredAt: new Date(expiredAt(world) * 1000).toISOString().replace(".000Z", "Z") }),
    ...(reauthenticate === true ? { reauthenticate } : {}),
    requestId,
  };
}

function withoutWait(detail: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(detail).filter(([name]) => name !== "retryAfter"));
}

describe("over the plain HTTP route", () => {
  it.each(cases.filter(({ route }) => route === true))("$as: $name", async (one) => {
    const { on = "usual", expected } = one;
    const { authorizationCode } = (await one.message(world)) as { readonly authorizationCode: Readonly<Record<string, string>> };
    const { code, codeVerifier, redirectUri, state } = authorizationCode;
    const response = await fetch(`${world[on].cambio.url}/api/auth/exchange`, {
      method: "POST",
      headers: { "content-type": "application/json", ...(one.headers ?? rolesHeaders(one.as)) },
      body: JSON.stringify({ code, code_verifier: codeVerifier, redirect_uri: redirectUri, ...(state === "" ? {} : { state }) }),
    });
    const text = await response.text();
    const body = JSON.parse(text) as JsonObject;
    if (typeof expected === "function") {
      registerTokens(world[on].canary, { accessToken: body["access_token"], refreshToken: body["refresh_token"] });
      expect({ status: response.status, members: Object.keys(body).toSorted() }).toEqual({
        status: 200,
        members: ["access_token", "expires_in", "refresh_token", "token_type"],
      });
      return;
    }
    world[on].canary.saw("an error of the route", text);
    const { http, plain = http, oauth } = expectedErrors[expected];
    expect({ status: response.status, body }).toEqual({
      status: plain,
      body: {
        error: oauth,
        error_description: errorTable[expected].sentence,
        reason: expected,
        request_id: response.headers.get("x-request-id"),
      },
    });
  });
});

describe("the table", () => {
  const provoked = new Set(cases.map(({ expected }) => expected).filter((expected) => typeof expected === "string"));

  it.each(reasons)("provokes %s, or says where it is provoked", (reason) => {
    const elsewhere = provokedElsewhere[reason];
    expect(provoked.has(reason)).toBe(elsewhere === undefined);
    if (elsewhere === undefined) return;
    expect(readFileSync(join(import.meta.dirname, "../..", elsewhere.file), "utf8")).toContain(elsewhere.test);
  });

  it.each(methods)("has %s succeed for every kind of client that may call it", (method) => {
    const roles = cases.filter((one) => one.method === method && typeof one.expected === "function").map(({ as }) => as);
    expect([...new Set(roles)].toSorted()).toEqual(method === "ValidateCrossClient" ? ["orders"] : ["backend", "cli", "web"]);
  });

  it("sends the provider nothing that it objects to", () => {
    expect(world.usual.provider.violations).toEqual([]);
  });
});
