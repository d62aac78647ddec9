// What server reflection can tell: the files behind a set of services, by file name, by symbol and by extension.
// Built and encoded once, at start, out of generated descriptors; how it is asked is reflection.ts.

import { type DescExtension, type DescFile, type DescMessage, type DescService, toBinary } from "@bufbuild/protobuf";
import { nestedTypes } from "@bufbuild/protobuf/reflect";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";

export interface DescriptorIndex {
  readonly services: readonly string[];
  /** The file and everything that it imports, encoded, in an order that can be loaded; undefined: not here. */
  byFileName(name: string): Uint8Array[] | undefined;
  /** By the full name of a service, method, message, field, enum, value or extension. */
  bySymbol(name: string): Uint8Array[] | undefined;
  byExtension(message: string, number: number): Uint8Array[] | undefined;
  /** Numbers of the known extensions of a message; undefined: the message is not here. */
  extensionNumbers(message: string): number[] | undefined;
}

/** @param further files that no service imports, such as those of error details */
export function createDescriptorIndex(services: readonly DescService[], further: readonly DescFile[] = []): DescriptorIndex {
  const files = new Map<string, DescFile>();
  const symbols = new Map<string, DescFile>();
  const messages = new Map<string, DescMessage>();
  const extensions = new Map<string, Map<number, DescExtension>>();
  for (const root of [...services.map((service) => service.file), ...further]) {
    for (const file of closure(root)) files.set(file.proto.name, file);
  }
  for (const file of files.values()) {
    for (const name of symbolsOf(file)) symbols.set(name, file);
    for (const type of nestedTypes(file)) {
      if (type.kind === "message") messages.set(type.typeName, type);
      if (type.kind !== "extension") continue;
      const numbers = extensions.get(type.extendee.typeName) ?? new Map<number, DescExtension>();
      extensions.set(type.extendee.typeName, numbers.set(type.number, type));
    }
  }

  const encoded = new Map([...files.values()].map((file) => [file, toBinary(FileDescriptorProtoSchema, file.proto)]));
  const answers = new Map([...files.values()].map((file) => [file, closure(file).flatMap((each) => encoded.get(each) ?? [])]));
  const answer = (file: DescFile | undefined) => (file === undefined ? undefined : answers.get(file));

  return {
    services: services.map((service) => service.typeName),
    byFileName: (name) => answer(files.get(name)),
    bySymbol: (name) => answer(symbols.get(name)),
    byExtension: (message, number) => answer(extensions.get(message)?.get(number)?.file),
    extensionNumbers: (message) => (messages.has(message) ? [...(extensions.get(message)?.keys() ?? [])] : undefined),
  };
}

/** A file after everything that it imports. */
function closure(file: DescFile, seen = new Set<DescFile>()): DescFile[] {
  if (seen.has(file)) return [];
  seen.add(file);
  return [...file.dependencies.flatMap((each) => closure(each, seen)), file];
}

function* symbolsOf(file: DescFile): Generator<string> {
  for (const type of nestedTypes(file)) {
    yield type.typeName;
    if (type.kind === "service") for (const method of type.methods) yield `${type.typeName}.${method.name}`;
    if (type.kind === "message") for (const field of type.fields) yield `${type.typeName}.${field.name}`;
    // Values stand beside their enum, not inside it.
    const scope = type.typeName.slice(0, type.typeName.lastIndexOf(".") + 1);
    if (type.kind === "enum") for (const value of type.values) yield `${scope}${value.name}`;
  }
}
