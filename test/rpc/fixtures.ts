// A call as the transport hands it to a handler, callers without any secrets, and a door without limits.

import { createContextValues, type HandlerContext } from "@connectrpc/connect";
import type { Audiences, Client } from "../../src/exchange/clients.ts";
import { ExchangeError } from "../../src/exchange/errors.ts";
import { createDecide } from "../../src/policy/evaluate.ts";
import { type Call, callKey } from "../../src/rpc/call.ts";
import type { Callers, Entrance } from "../../src/rpc/caller.ts";
import { recordingAudit } from "../exchange/fixtures.ts";

export function callOf(given: Partial<Call> = {}): Call {
  return {
    requestId: "r1",
    protocol: "connect",
    method: "cambio.v1.TokenExchangeService/Exchange",
    origin: undefined,
    address: "192.0.2.1",
    certificate: undefined,
    service: undefined,
    caller: "",
    notes: {},
    audited: undefined,
    leave: () => undefined,
    ended: false,
    decoded: true,
    failure: undefined,
    ...given,
  };
}

/** The part of a handler's context that handlers read. */
export function contextOf(call: Call, signal = new AbortController().signal): HandlerContext {
  const headers = { requestHeader: new Headers(), responseHeader: new Headers() };
  return { values: createContextValues().set(callKey, call), signal, ...headers } as unknown as HandlerContext;
}

export function callersOf(...clients: readonly Client[]): Callers {
  const audiences: Audiences = new Map();
  return {
    clients: new Map(clients.map((client) => [client.id, client])),
    publicMethods: new Set(clients.filter((client) => client.kind !== "service").flatMap((client) => [...client.methods])),
    decide: createDecide(audiences),
    authenticate: ({ authorization }) => {
      if (authorization === undefined) return undefined;
      throw new ExchangeError("CALLER_UNAUTHENTICATED", { field: "CALLER" });
    },
  };
}

/** Lets everybody in whom the callers' rules let in. */
export function entranceOf(callers: Callers | (() => Callers), given: Partial<Entrance> = {}): Entrance {
  return {
    callers: typeof callers === "function" ? callers : () => callers,
    limits: { ofUnproven: () => undefined, ofService: () => undefined, ofPublicClient: () => undefined },
    takePlace: () => () => undefined,
    recorder: { audit: recordingAudit(), tokenHash: (credential) => `hash of ${credential.reveal()}` },
    ...given,
  };
}
