// The messages of the Connect conformance suite. The suite brings its own schema, from which scripts/conformance.sh makes the
// descriptors that are read here; of each message only the fields that our side looks at are told to the compiler.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createFileRegistry, type DescMessage, type DescService, fromBinary, type Message } from "@bufbuild/protobuf";
import { type Any, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import type { Code } from "@connectrpc/connect";
import { built } from "./built.ts";

export interface Header {
  readonly name: string;
  readonly value: readonly string[];
}

export interface WantedError {
  /** The suite numbers them as gRPC does, and so does Connect. */
  readonly code: Code;
  readonly message?: string;
  readonly details: readonly Any[];
}

export interface UnaryDefinition {
  readonly responseHeaders: readonly Header[];
  readonly responseTrailers: readonly Header[];
  readonly responseDelayMs: number;
  readonly response:
    | { readonly case: "responseData"; readonly value: Uint8Array }
    | { readonly case: "error"; readonly value: WantedError }
    | { readonly case: undefined; readonly value?: undefined };
}

export interface StreamDefinition {
  readonly responseHeaders: readonly Header[];
  readonly responseTrailers: readonly Header[];
  readonly responseDelayMs: number;
  readonly responseData: readonly Uint8Array[];
  readonly error?: WantedError;
}

export interface UnaryRequest extends Message {
  readonly responseDefinition?: UnaryDefinition;
}

export interface StreamRequest extends Message {
  readonly responseDefinition?: StreamDefinition;
}

export interface BidiRequest extends StreamRequest {
  readonly fullDuplex: boolean;
}

export interface ServerRequest extends Message {
  readonly useTls: boolean;
  readonly clientTlsCert: Uint8Array;
  readonly messageReceiveLimit: number;
  readonly serverCreds?: { readonly cert: Uint8Array; readonly key: Uint8Array };
}

const descriptors = join(built, "messages.binpb");

export const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(descriptors)));

export function messageNamed(name: string): DescMessage {
  return found(registry.getMessage(`connectrpc.conformance.v1.${name}`), name);
}

export function conformanceService(): DescService {
  return found(registry.getService("connectrpc.conformance.v1.ConformanceService"), "ConformanceService");
}

function found<T>(desc: T | undefined, name: string): T {
  if (desc === undefined) throw new Error(`the suite's schema has no ${name}`);
  return desc;
}
