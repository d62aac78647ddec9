// A call as the transport hands it to a handler, and callers without any secrets.

import { createContextValues, type HandlerContext } from "@connectrpc/connect";
import type { Client } from "../../src/exchange/clients.ts";
import { ExchangeError } from "../../src/exchange/errors.ts";
import { type Call, callKey } from "../../src/rpc/call.ts";
import type { Callers } from "../../src/rpc/caller.ts";

export function callOf(given: Partial<Call> = {}): Call {
  return {
    requestId: "r1",
    protocol: "connect",
    method: "cambio.v1.TokenExchangeService/Exchange",
    origin: undefined,
    service: undefined,
    caller: "",
    provider: "",
    decoded: true,
    failure: undefined,
    ...given,
  };
}

/** The part of a handler's context that handlers read. */
export function contextOf(call: Call, signal = new AbortController().signal): HandlerContext {
  return { values: createContextValues().set(callKey, call), signal } as unknown as HandlerContext;
}

export function callersOf(...clients: readonly Client[]): Callers {
  return {
    clients: new Map(clients.map((client) => [client.id, client])),
    publicMethods: new Set(clients.filter((client) => client.kind !== "service").flatMap((client) => [...client.methods])),
    authenticate: (authorization) => {
      if (authorization === null) return undefined;
      throw new ExchangeError("CALLER_UNAUTHENTICATED", { field: "CALLER" });
    },
  };
}
