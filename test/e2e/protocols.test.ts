import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { JsonObject } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { methods } from "../../src/exchange/clients.ts";
import { reasons } from "../../src/exchange/errors.ts";
import { page, registerTokens } from "../support/fake-stack.ts";
import { expectedAnswer, expectedDetails, expectedOnRoute, withoutUncertainWait } from "./expectations.ts";
import { provokedElsewhere } from "./expected-errors.ts";
import { grpcJsCaller } from "./grpc-js-caller.ts";
import type { Case, Role } from "./protocol-case.ts";
import { connectBinaryCaller, connectJsonCaller, fetchCaller, grpcWebCaller, type ProtocolCaller } from "./protocol-callers.ts";
import { connectionCases } from "./connection-cases.ts";
import { connectionRefusals } from "./connection-refusals.ts";
import { exchangeCases } from "./exchange-cases.ts";
import { refusalCases } from "./refusal-cases.ts";
import { successCases } from "./success-cases.ts";
import { upstreamCases } from "./upstream-cases.ts";
import { type StackName, startWorld, type World } from "./protocol-world.ts";
import { validationCases } from "./validation-cases.ts";

const cases: readonly Case[] = [
  ...successCases,
  ...refusalCases,
  ...upstreamCases,
  ...validationCases,
  ...exchangeCases,
  ...connectionCases,
  ...connectionRefusals,
];

interface Protocol {
  readonly name: string;
  readonly open: (url: string) => ProtocolCaller;
  /** A page has no way to speak gRPC itself (it cannot read trailers), and everybody can speak the others. */
  readonly forPages: boolean;
  /** Its client lets one see the HTTP status. */
  readonly showsStatus?: true;
}

const protocols: readonly Protocol[] = [
  { name: "gRPC by grpc-js", open: grpcJsCaller, forPages: false },
  { name: "gRPC-Web over HTTP/1.1", open: grpcWebCaller, forPages: true },
  { name: "Connect with JSON over HTTP/1.1", open: connectJsonCaller, forPages: true },
  { name: "Connect in binary over HTTP/2", open: connectBinaryCaller, forPages: true },
  { name: "a POST with JSON", open: fetchCaller, forPages: true, showsStatus: true },
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

describe.each(protocols)("over $name", ({ name, open, forPages, showsStatus = false }) => {
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

    expect(answered).toMatchObject(expectedAnswer(one, world, showsStatus));
    expect(answered.kind === "ok" ? [] : answered.details.map((detail) => withoutUncertainWait(detail, expected))).toEqual(
      expectedDetails(one, world, requestId),
    );
  });
});

describe("over the plain HTTP route", () => {
  it.each(cases.filter(({ route }) => route === true))("$as: $name", async (one) => {
    const { on = "usual", expected } = one;
    const { canary } = world[on];
    const { authorizationCode } = (await one.message(world)) as { readonly authorizationCode: Readonly<Record<string, string>> };
    const { code, codeVerifier, redirectUri, state } = authorizationCode;
    const response = await fetch(`${world[on].cambio.url}/api/auth/exchange`, {
      method: "POST",
      headers: { "content-type": "application/json", ...(one.headers ?? rolesHeaders(one.as)) },
      body: JSON.stringify({ code, code_verifier: codeVerifier, redirect_uri: redirectUri, ...(state === "" ? {} : { state }) }),
    });
    const text = await response.text();
    const body = JSON.parse(text) as JsonObject;
    if (response.status === 200) registerTokens(canary, { accessToken: body["access_token"], refreshToken: body["refresh_token"] });
    else canary.saw("an error of the route", text);
    expect({ status: response.status, body }).toEqual(expectedOnRoute(expected, response.headers.get("x-request-id")));
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
    const signIn = ["backend", "cli", "web"];
    const whoMay = { ValidateCrossClient: ["orders"], Exchange: [...signIn, "orders"].toSorted() };
    expect([...new Set(roles)].toSorted()).toEqual(method in whoMay ? whoMay[method as keyof typeof whoMay] : signIn);
  });

  it("sends the provider nothing that it objects to", () => {
    const { usual, keeping } = world;
    expect([usual.provider.violations, keeping.discord.violations, keeping.openai.violations]).toEqual([[], [], []]);
  });
});
