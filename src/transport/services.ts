// Which services the port has: what is registered, kept as data, so that each method can be served in the way that fits it.

import type { DescService, JsonReadOptions, JsonWriteOptions } from "@bufbuild/protobuf";
import { createServiceImplSpec, type MethodImplSpec, type ServiceImpl } from "@connectrpc/connect";

export interface ServiceOptions {
  /** Bytes of one message. Default: the port's. */
  readonly messageBytes?: number;
  /** How messages are written as JSON, and read. Default: Connect's. */
  readonly json?: JsonOptions;
}

/** What services are registered with. */
export interface Services {
  service<Desc extends DescService>(service: Desc, implementation: Partial<ServiceImpl<Desc>>, options?: ServiceOptions): void;
}

export interface Registered {
  readonly spec: MethodImplSpec;
  readonly messageBytes: number;
  readonly json: JsonOptions;
}

type JsonOptions = Partial<JsonReadOptions & JsonWriteOptions>;

/** Every method of every service, also those that nobody implements: they are answered as unimplemented. */
export function collectMethods(register: (services: Services) => void, usual: { readonly messageBytes: number }): readonly Registered[] {
  const methods: Registered[] = [];
  register({
    service(service, implementation, { messageBytes = usual.messageBytes, json = {} } = {}) {
      const specs = Object.values(createServiceImplSpec(service, implementation).methods);
      methods.push(...specs.map((spec) => ({ spec, messageBytes, json })));
    },
  });
  return methods;
}
