import type { HandlerContext } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { TokenExchangeService } from "../../gen/cambio/v1/token_exchange_service_pb.ts";
import { type Method, methods } from "../../src/exchange/clients.ts";
import { Secret } from "../../src/exchange/secret.ts";
import { createAuthenticate } from "../../src/callers/basic.ts";
import type { Call } from "../../src/rpc/call.ts";
import { type Callers, callerOf, callOf as callIn, createGate, noteProvider } from "../../src/rpc/caller.ts";
import { clientOf, outcomeOf, refusal } from "../exchange/fixtures.ts";
import { callOf, callersOf, contextOf } from "./fixtures.ts";

const page = clientOf({
  id: "page",
  kind: "browser",
  origins: new Set(["https://app.example"]),
  methods: new Set<Method>(["Exchange", "Refresh"]),
});
const orders = clientOf({ id: "orders", kind: "service", methods: new Set<Method>(["ValidateCrossClient"]) });
const callers: Callers = {
  ...callersOf(page, orders),
  authenticate: createAuthenticate([{ client: orders, secrets: [new Secret("orders-secret")] }]),
};
const gate = createGate(callers, TokenExchangeService.typeName);

const proof = `Basic ${Buffer.from("orders:orders-secret").toString("base64")}`;
const forged = `Basic ${Buffer.from("orders:guess").toString("base64")}`;

function arrive(call: Call, method: string, authorization?: string, typeName: string = TokenExchangeService.typeName): void {
  const requestHeader = new Headers(authorization === undefined ? {} : { authorization });
  gate({ ...contextOf(call), requestHeader, service: { typeName }, method: { name: method } } as unknown as HandlerContext);
}

describe("the gate before the body", () => {
  it.each([
    ["anonymous", "Exchange", undefined, undefined],
    ["anonymous", "Refresh", undefined, undefined],
    ["anonymous", "ValidateCrossClient", undefined, "CALLER_UNAUTHENTICATED"],
    ["anonymous", "CreateAuthorizationUrl", undefined, "CALLER_UNAUTHENTICATED"],
    ["a proved service", "ValidateCrossClient", proof, undefined],
    ["a proved service", "Exchange", proof, "CALLER_NOT_ALLOWED"],
    ["a guesser", "ValidateCrossClient", forged, "CALLER_UNAUTHENTICATED"],
    ["a guesser, although anonymous would pass", "Exchange", forged, "CALLER_UNAUTHENTICATED"],
    ["an empty header, although anonymous would pass", "Exchange", "", "CALLER_UNAUTHENTICATED"],
    ["a bearer token, although anonymous would pass", "Exchange", "Bearer x", "CALLER_UNAUTHENTICATED"],
    ["two proofs, although each would pass", "ValidateCrossClient", `${proof}, ${proof}`, "CALLER_UNAUTHENTICATED"],
    ["anonymous, to a method that no configuration knows", "Revoke", undefined, "CALLER_UNAUTHENTICATED"],
    ["a proved service, to a method that no configuration knows", "Revoke", proof, "CALLER_NOT_ALLOWED"],
  ] as const)("%s to %s", (_who, method, authorization, reason) => {
    const outcome = outcomeOf(() => arrive(callOf(), method, authorization));
    expect(outcome).toEqual(reason === undefined ? undefined : refusal(reason, { field: "CALLER" }));
  });

  it("notes the proved service for the log, refused or not, and nobody who only claims to be it", () => {
    const calls = [callOf(), callOf(), callOf()] as const;
    arrive(calls[0], "ValidateCrossClient", proof);
    expect(() => arrive(calls[1], "Exchange", proof)).toThrow(refusal("CALLER_NOT_ALLOWED"));
    expect(() => arrive(calls[2], "Exchange", forged)).toThrow(refusal("CALLER_UNAUTHENTICATED"));
    expect(calls.map((call) => [call.caller, call.service])).toEqual([
      ["orders", orders],
      ["orders", orders],
      ["", undefined],
    ]);
  });

  it("leaves health and reflection open, and does not look at who asks", () => {
    const call = callOf();
    expect(() => arrive(call, "Check", forged, "grpc.health.v1.Health")).not.toThrow();
    expect(call.service).toBeUndefined();
  });

  it("knows every method of the service, and no other", () => {
    expect(TokenExchangeService.methods.map((method) => method.name).toSorted()).toEqual(methods.toSorted());
  });
});

describe("the client of a decoded call", () => {
  it("is the one that the message names, and is noted", () => {
    const call = callOf({ origin: "https://app.example" });
    expect(callerOf(callers, call, { clientId: "page", method: "Exchange", proofInMessage: true })).toBe(page);
    expect(call.caller).toBe("page");
  });

  it("is not the service whose id an anonymous caller puts into the message", () => {
    const call = callOf();
    expect(() => callerOf(callers, call, { clientId: "orders", method: "ValidateCrossClient", proofInMessage: true })).toThrow(
      refusal("CALLER_UNAUTHENTICATED"),
    );
    expect(call.caller).toBe("");
  });

  it("is looked up with the origin that the call came with", () => {
    const call = callOf({ origin: "https://evil.example" });
    expect(() => callerOf(callers, call, { clientId: "page", method: "Exchange", proofInMessage: true })).toThrow(
      refusal("ORIGIN_NOT_ALLOWED"),
    );
  });
});

describe("a call", () => {
  it("is told which provider it is about", () => {
    const call = callOf();
    noteProvider(call)("main");
    expect(call.provider).toBe("main");
  });

  it("that did not pass the transport is a mistake of ours, and no caller's", () => {
    const { values } = contextOf(callOf());
    expect(callIn(values)).toMatchObject({ requestId: "r1" });
    expect(() => callIn({ ...values, get: () => undefined } as never)).toThrow(/without passing the transport/);
  });
});
