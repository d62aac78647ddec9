// grpc.reflection v1 and v1alpha: lets a client read the contract from the server. The two versions differ in their package only,
// so one answer serves both.

import { create, type DescFile, type DescService } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import * as v1 from "../../gen/grpc/reflection/v1/reflection_pb.ts";
import * as v1alpha from "../../gen/grpc/reflection/v1alpha/reflection_pb.ts";
import { Health } from "../../gen/health/v1/health_pb.ts";
import { createDescriptorIndex, type DescriptorIndex } from "./descriptor-index.ts";
import type { Limits } from "./limits.ts";
import type { Services } from "./services.ts";

export interface ReflectionOptions {
  /** Services to tell of, besides health and reflection. */
  readonly services: readonly DescService[];
  /** Files that no service imports: error details travel as `Any`, so only their names lead to them. */
  readonly further?: readonly DescFile[];
  readonly limits: Limits;
}

export function registerReflection(registry: Services, { services, further = [], limits }: ReflectionOptions): void {
  const index = createDescriptorIndex([...services, Health, v1.ServerReflection, v1alpha.ServerReflection], further);
  const options = { messageBytes: limits.smallMessageBytes };

  registry.service(
    v1.ServerReflection,
    {
      async *serverReflectionInfo(requests) {
        for await (const request of bounded(requests, limits.reflectionRequests)) {
          const messageResponse = answer(index, request.messageRequest);
          yield create(v1.ServerReflectionResponseSchema, { validHost: request.host, originalRequest: request, messageResponse });
        }
      },
    },
    options,
  );
  registry.service(
    v1alpha.ServerReflection,
    {
      async *serverReflectionInfo(requests) {
        for await (const request of bounded(requests, limits.reflectionRequests)) {
          const messageResponse = answer(index, request.messageRequest);
          yield create(v1alpha.ServerReflectionResponseSchema, { validHost: request.host, originalRequest: request, messageResponse });
        }
      },
    },
    options,
  );
}

/** What both versions ask, as far as it is looked at. */
type Question =
  | { readonly case: "fileByFilename" | "fileContainingSymbol" | "allExtensionNumbersOfType" | "listServices"; readonly value: string }
  | { readonly case: "fileContainingExtension"; readonly value: { readonly containingType: string; readonly extensionNumber: number } }
  | { readonly case: undefined; readonly value?: undefined };

function answer(index: DescriptorIndex, question: Question) {
  switch (question.case) {
    case "listServices":
      return { case: "listServicesResponse", value: { service: index.services.map((name) => ({ name })) } } as const;
    case "fileByFilename":
      return files(index.byFileName(question.value));
    case "fileContainingSymbol":
      return files(index.bySymbol(question.value));
    case "fileContainingExtension":
      return files(index.byExtension(question.value.containingType, question.value.extensionNumber));
    case "allExtensionNumbersOfType": {
      const extensionNumber = index.extensionNumbers(question.value);
      if (extensionNumber === undefined) return error(Code.NotFound, "There is nothing of that name.");
      return { case: "allExtensionNumbersResponse", value: { baseTypeName: question.value, extensionNumber } } as const;
    }
    default:
      return error(Code.InvalidArgument, "The request asks nothing.");
  }
}

function files(fileDescriptorProto: Uint8Array[] | undefined) {
  if (fileDescriptorProto === undefined) return error(Code.NotFound, "There is nothing of that name.");
  return { case: "fileDescriptorResponse", value: { fileDescriptorProto } } as const;
}

function error(errorCode: Code, errorMessage: string) {
  return { case: "errorResponse", value: { errorCode, errorMessage } } as const;
}

/** The stream ends, without an error, after so many requests: a client that wants more opens another. */
async function* bounded<T>(requests: AsyncIterable<T>, most: number): AsyncGenerator<T> {
  let count = 0;
  for await (const request of requests) {
    yield request;
    count += 1;
    if (count >= most) return;
  }
}
