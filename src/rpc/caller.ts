// The two looks at a caller: the gate before the body (a service that proves itself, or anonymous), and right after decoding
// the client that the message names. How a service proves itself is callers/; what a client may do is policy's to decide.

import type { HandlerContext } from "@connectrpc/connect";
import { resolveCaller } from "../exchange/caller.ts";
import { type Client, type Method, methods, methodsWithProof } from "../exchange/clients.ts";
import type { Decide } from "../exchange/decision.ts";
import { type Circumstance, ExchangeError, hasReason } from "../exchange/errors.ts";
import { type Patience, type Soon, whenThere } from "../exchange/soon.ts";
import { permit, type Trail } from "../exchange/trail.ts";
import { type Call, callKey, type PeerCertificate } from "./call.ts";
import { createTrail, type Recorder } from "./trail.ts";

/** What a caller shows before the body is read. */
export interface ShownProof {
  /** The `authorization` header; undefined: there is none. */
  readonly authorization: string | undefined;
  readonly certificate: PeerCertificate | undefined;
  /** True for methods that issue or end something: a proof that is good once is spent by them. */
  readonly issues: boolean;
}

export interface Callers {
  readonly clients: ReadonlyMap<string, Client>;
  /** Methods that at least one public client may call: only these let an anonymous caller send a body. */
  readonly publicMethods: ReadonlySet<Method>;
  readonly decide: Decide;
  /**
   * Who a proof is of; undefined: nothing was shown.
   * @throws ExchangeError CALLER_UNAUTHENTICATED (decided), UPSTREAM_*, STORE_UNAVAILABLE (cannot decide)
   */
  authenticate(proof: ShownProof, patience: Patience): Soon<Client | undefined>;
}

/** limits/: how much is taken from whom. All throw ExchangeError RATE_LIMITED. */
export interface CallerLimits {
  /** An address whose calls too often end without a known caller. Proven services are not asked for theirs. */
  ofUnproven(address: string): void;
  ofService(clientId: string): void;
  ofPublicClient(clientId: string, address: string): void;
}

/** What a call passes on its way in. `callers` is asked anew for every call: the configuration may have been reloaded. */
export interface Entrance {
  readonly callers: () => Callers;
  readonly limits: CallerLimits;
  /** Takes a place among the calls of this moment; the result gives it back, once. @throws ExchangeError OVERLOADED */
  readonly takePlace: (method: Method) => () => void;
  readonly recorder: Recorder;
}

/** The `authorization` header as it came; undefined: none. */
export interface ShownHeader {
  readonly authorization: string | undefined;
  /** More than one was shown: which of them is meant, and which a proxy in front has looked at, cannot be known. */
  readonly repeated: boolean;
}

/**
 * Decides before a byte of the body is read; at once where nothing has to be asked. Methods of other services (health, reflection)
 * are open. The signal of the context is read only where something waits.
 */
export function createGate(entrance: Entrance, serviceName: string) {
  type Context = Pick<HandlerContext, "service" | "method" | "values" | "signal">;
  return function gate(context: Context, { authorization, repeated }: ShownHeader): Soon<void> {
    if (context.service.typeName !== serviceName) return;
    const call = callOf(context.values);
    const { name } = context.method;
    call.audited = name;
    const method = methods.find((known) => known === name);
    if (method === undefined) throw notAllowed("CALLER_NOT_ALLOWED");
    return admit(entrance, call, { method, authorization, repeated }, context);
  };
}

export interface Admission extends ShownHeader {
  readonly method: Method;
}

/**
 * Who shows what, within which limits, and whether there is any way on from here. A service gets its place here. Whoever shows
 * nothing gets one in `enter`: else open calls without a message, which cost their sender nothing, would shut out everybody.
 */
export function admit(entrance: Entrance, call: Call, admission: Admission, patience: Patience): Soon<void> {
  const { method } = admission;
  const { limits } = entrance;
  const callers = entrance.callers();
  return whenThere(prove(callers, { limits, call, admission }, patience), (service) => {
    if (service === undefined) {
      limits.ofUnproven(call.address);
      if (!callers.publicMethods.has(method)) throw notAllowed("CALLER_UNAUTHENTICATED");
      return;
    }
    call.service = service;
    call.caller = service.id;
    limits.ofService(service.id);
    const asked = { kind: "call", client: service, method, origin: call.origin, proofInMessage: false } as const;
    permit(callers.decide(asked), createTrail(call, entrance.recorder));
    place(entrance, call, method);
  });
}

interface Proving {
  readonly limits: CallerLimits;
  readonly call: Call;
  readonly admission: Admission;
}

/** Undefined: nothing was shown. */
function prove(callers: Callers, { limits, call, admission }: Proving, patience: Patience): Soon<Client | undefined> {
  const { method, authorization, repeated } = admission;
  const refused = (failure: unknown): never => {
    // Whoever guesses learns after a while only that he guesses too often.
    if (hasReason(failure, "CALLER_UNAUTHENTICATED")) limits.ofUnproven(call.address);
    throw failure;
  };
  try {
    if (repeated) throw repeatedProof();
    // What only looks spends no proof: the same assertion may be shown with every validation.
    const proof = { authorization, certificate: call.certificate, issues: method !== "ValidateCrossClient" };
    const service = callers.authenticate(proof, patience);
    return service instanceof Promise ? service.catch(refused) : service;
  } catch (failure) {
    return refused(failure);
  }
}

/** @throws ExchangeError OVERLOADED; DEADLINE_EXCEEDED where nobody waits any more, and nobody would give the place back */
function place(entrance: Entrance, call: Call, method: Method): void {
  if (call.ended) throw new ExchangeError("DEADLINE_EXCEEDED");
  call.leave = entrance.takePlace(method);
}

function repeatedProof(): ExchangeError {
  const cause: Circumstance = { kind: "proof", proof: "basic", problem: "repeated" };
  return new ExchangeError("CALLER_UNAUTHENTICATED", { field: "CALLER", cause });
}

export interface Entered {
  readonly client: Client;
  readonly trail: Trail;
}

export interface Entering {
  readonly clientId: string;
  readonly method: Method;
  /** Default: what is so for the method. False: what the message carries, anybody may have who has seen it. */
  readonly proofInMessage?: boolean;
}

/** The client on whose behalf a decoded call runs, and the trail that its operation leaves. Once per call. */
export function enter(entrance: Entrance, call: Call, { clientId, method, ...entering }: Entering): Entered {
  const { proofInMessage = methodsWithProof.has(method) } = entering;
  const { clients, decide } = entrance.callers();
  const client = resolveCaller(clients, presentService(clients, call), clientId);
  call.caller = client.id;
  if (call.service === undefined) entrance.limits.ofPublicClient(client.id, call.address);
  const trail = createTrail(call, entrance.recorder);
  permit(decide({ kind: "call", client, method, origin: call.origin, proofInMessage }), trail);
  if (call.service === undefined) place(entrance, call, method);
  return { client, trail };
}

/**
 * For a call that turns out to issue something, once its message was read: the gate took its method for one that only looks. A proof
 * that is good once is spent by it.
 * @throws ExchangeError CALLER_UNAUTHENTICATED; UPSTREAM_*, STORE_UNAVAILABLE (cannot decide)
 */
export async function spendProof(entrance: Entrance, call: Call, authorization: string | undefined, patience: Patience): Promise<void> {
  const proof = { authorization, certificate: call.certificate, issues: true };
  const service = await entrance.callers().authenticate(proof, patience);
  if (service?.id !== call.service?.id) throw notAllowed("CALLER_UNAUTHENTICATED");
}

/** As the configuration of now has it: it may have been reloaded while the body came. */
function presentService(clients: ReadonlyMap<string, Client>, { service }: Call): Client | undefined {
  if (service === undefined) return undefined;
  const present = clients.get(service.id);
  if (present?.kind !== "service") throw notAllowed("CALLER_UNAUTHENTICATED");
  return present;
}

export function callOf(values: HandlerContext["values"]): Call {
  const call = values.get(callKey);
  if (call === undefined) throw new Error("a call reached a handler without passing the transport");
  return call;
}

function notAllowed(reason: "CALLER_UNAUTHENTICATED" | "CALLER_NOT_ALLOWED"): ExchangeError {
  return new ExchangeError(reason, { field: "CALLER" });
}
