// The two looks at a caller: the gate before the body (a service that proves itself, or anonymous), and right after decoding
// the client that the message names. The rules are exchange/caller.ts; proving a secret is policy/authenticate.ts.

import type { HandlerContext } from "@connectrpc/connect";
import { resolveCaller } from "../exchange/caller.ts";
import { type Client, type Method, methods } from "../exchange/clients.ts";
import { ExchangeError } from "../exchange/errors.ts";
import { type Call, callKey } from "./call.ts";

export interface Callers {
  readonly clients: ReadonlyMap<string, Client>;
  /** Methods that at least one public client may call: only these let an anonymous caller send a body. */
  readonly publicMethods: ReadonlySet<Method>;
  /**
   * Who an `authorization` header proves; undefined: there is none.
   * @throws ExchangeError CALLER_UNAUTHENTICATED
   */
  authenticate(authorization: string | null): Client | undefined;
}

/** Decides before a byte of the body is read. Methods of other services (health, reflection) are open. */
export function createGate(callers: Callers, serviceName: string) {
  return function gate(context: Pick<HandlerContext, "service" | "method" | "requestHeader" | "values">): void {
    if (context.service.typeName !== serviceName) return;
    const call = callOf(context.values);
    const service = callers.authenticate(context.requestHeader.get("authorization"));
    call.service = service;
    if (service !== undefined) call.caller = service.id;
    const method = methods.find((name) => name === context.method.name);
    const allowed = method !== undefined && (service === undefined ? callers.publicMethods.has(method) : service.methods.has(method));
    if (!allowed) throw new ExchangeError(service === undefined ? "CALLER_UNAUTHENTICATED" : "CALLER_NOT_ALLOWED", { field: "CALLER" });
  };
}

/** The client on whose behalf a decoded call runs; noted for the log. */
export function callerOf(callers: Callers, call: Call, asked: { clientId: string; method: Method; proofInMessage: boolean }): Client {
  const client = resolveCaller(callers.clients, { ...asked, service: call.service, origin: call.origin });
  call.caller = client.id;
  return client;
}

export function callOf(values: HandlerContext["values"]): Call {
  const call = values.get(callKey);
  if (call === undefined) throw new Error("a call reached a handler without passing the transport");
  return call;
}

/** Lets an operation say which provider it is about, as soon as it knows: failed calls are logged with it too. */
export function noteProvider(call: Call): (provider: string) => void {
  return (provider) => {
    call.provider = provider;
  };
}
