// The service that the Connect conformance suite calls, as its service.proto describes it: each request tells what to answer, and the
// answer tells what arrived. Errors of its own making reach the wire as they are (see `errorFor`); everybody else's are Cambio's.

import { setTimeout as wait } from "node:timers/promises";
import { create, type DescService, type Message } from "@bufbuild/protobuf";
import { type Any, anyPack } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, type HandlerContext, type ServiceImpl } from "@connectrpc/connect";
import { visitOf } from "../../src/transport/interceptors.ts";
import { type ErrorFor, publicError } from "../../src/transport/public-error.ts";
import type { Visit } from "../../src/transport/visit.ts";
import {
  type BidiRequest,
  type Header,
  messageNamed,
  registry,
  type StreamDefinition,
  type StreamRequest,
  type UnaryDefinition,
  type UnaryRequest,
  type WantedError,
} from "./messages.ts";

const requestInfo = messageNamed("ConformancePayload.RequestInfo");

export interface Conformance {
  readonly implementation: ServiceImpl<DescService>;
  /** What the requests asked for goes out as it was asked for. */
  readonly errorFor: ErrorFor;
}

export function createConformance(): Conformance {
  const asked = new WeakMap<Visit, ConnectError>();

  async function unary(request: UnaryRequest, context: HandlerContext) {
    return await answerOnce(request.responseDefinition, [request], context);
  }

  async function clientStream(requests: AsyncIterable<UnaryRequest>, context: HandlerContext) {
    const received = await all(requests);
    return await answerOnce(received[0]?.responseDefinition, received, context);
  }

  async function* serverStream(request: StreamRequest, context: HandlerContext) {
    yield* answerAll(request.responseDefinition, [request], context);
  }

  async function* bidiStream(requests: AsyncIterable<BidiRequest>, context: HandlerContext) {
    const source = requests[Symbol.asyncIterator]();
    const first = await source.next();
    if (first.done === true) return;
    const rest = { [Symbol.asyncIterator]: () => source };
    if (first.value.fullDuplex) yield* answerEach(first.value, rest, context);
    else yield* answerAll(first.value.responseDefinition, [first.value, ...(await all(rest))], context);
  }

  async function answerOnce(definition: UnaryDefinition | undefined, received: readonly Message[], context: HandlerContext) {
    setMetadata(definition, context);
    const info = infoOf(received, context);
    await pause(definition, context);
    const response = definition?.response;
    if (response?.case === "error") throw failed(response.value, context, info);
    return { payload: { data: response?.value ?? new Uint8Array(), requestInfo: info } };
  }

  /** One answer after the other; the first tells what arrived. */
  async function* answerAll(definition: StreamDefinition | undefined, received: readonly Message[], context: HandlerContext) {
    setMetadata(definition, context);
    let info: Message | undefined = infoOf(received, context);
    for (const data of definition?.responseData ?? []) {
      await pause(definition, context);
      yield { payload: { data, ...(info === undefined ? {} : { requestInfo: info }) } };
      info = undefined;
    }
    if (definition?.error !== undefined) throw failed(definition.error, context, info);
  }

  /** An answer for each request, until there is none left to give; each tells what arrived since the one before. */
  async function* answerEach(first: BidiRequest, rest: AsyncIterable<BidiRequest>, context: HandlerContext) {
    const definition = first.responseDefinition;
    const answers = [...(definition?.responseData ?? [])];
    setMetadata(definition, context);
    let info: Message | undefined = infoOf([first], context);
    for (let data = answers.shift(); data !== undefined; data = answers.shift()) {
      await pause(definition, context);
      yield { payload: { data, requestInfo: info } };
      info = undefined;
      const next = await rest[Symbol.asyncIterator]().next();
      if (next.done === true) break;
      info = create(requestInfo, { requests: [packed(next.value)] });
    }
    for (const data of answers) yield { payload: { data } };
    if (definition?.error !== undefined) throw failed(definition.error, context, info);
  }

  function failed({ code, message, details }: WantedError, context: HandlerContext, info: Message | undefined): ConnectError {
    const error = new ConnectError(message ?? "", code);
    error.details.push(...details.map(({ typeUrl, value }) => ({ type: typeUrl.slice(typeUrl.lastIndexOf("/") + 1), value })));
    if (info !== undefined) error.details.push({ desc: requestInfo, value: info as never });
    asked.set(visitOf(context.values), error);
    return error;
  }

  return {
    implementation: {
      unary,
      idempotentUnary: unary,
      serverStream,
      clientStream,
      bidiStream,
      unimplemented,
    } as unknown as ServiceImpl<DescService>,
    errorFor: (visit, code) => asked.get(visit) ?? withoutDetails(publicError(visit, code)),
  };
}

/** As services of Cambio's refuse that have none of its reasons (health.ts). */
function unimplemented(_: Message, context: HandlerContext): never {
  visitOf(context.values).bareCode = Code.Unimplemented;
  throw new ConnectError("", Code.Unimplemented);
}

/** The suite takes no detail that it did not ask for, and Cambio's tells why a call failed. */
function withoutDetails({ rawMessage, code }: ConnectError): ConnectError {
  return new ConnectError(rawMessage, code);
}

/** Payloads carry requests as `Any`, whose JSON names their type. */
export const serviceOptions = { json: { registry } } as const;

async function all<T>(messages: AsyncIterable<T>): Promise<readonly T[]> {
  const received: T[] = [];
  for await (const message of messages) received.push(message);
  return received;
}

function setMetadata(definition: UnaryDefinition | StreamDefinition | undefined, context: HandlerContext): void {
  append(context.responseHeader, definition?.responseHeaders ?? []);
  append(context.responseTrailer, definition?.responseTrailers ?? []);
}

function append(headers: Headers, wanted: readonly Header[]): void {
  for (const { name, value } of wanted) for (const one of value) headers.append(name, one);
}

async function pause(definition: UnaryDefinition | StreamDefinition | undefined, { signal }: HandlerContext): Promise<void> {
  const ms = definition?.responseDelayMs ?? 0;
  if (ms === 0) return;
  // The reason, not the timer's own error: it knows whether time is up or the client has left.
  await wait(ms, undefined, { signal }).catch(() => signal.throwIfAborted());
}

function infoOf(received: readonly Message[], context: HandlerContext): Message {
  const timeoutMs = context.timeoutMs();
  return create(requestInfo, {
    requestHeaders: [...context.requestHeader].map(([name, value]) => ({ name, value: [value] })),
    requests: received.map(packed),
    ...(timeoutMs === undefined ? {} : { timeoutMs: BigInt(Math.floor(timeoutMs)) }),
  });
}

function packed(message: Message): Any {
  return anyPack(messageNamed(message.$typeName.slice("connectrpc.conformance.v1.".length)), message as never);
}
