// Which services the port has: what is registered, kept as data, so that each method can be served in the way that fits it.

import type { DescService } from "@bufbuild/protobuf";
import { createServiceImplSpec, type MethodImplSpec, type ServiceImpl } from "@connectrpc/connect";

export interface ServiceOptions {
  /** Bytes of one message. Default: the port's. */
  readonly messageBytes?: number;
}

/** What services are registered with. */
export interface Services {
  service<Desc extends DescService>(service: Desc, implementation: Partial<ServiceImpl<Desc>>, options?: ServiceOptions): void;
}

export interface Registered {
  readonly spec: MethodImplSpec;
  readonly messageBytes: number;
}

/** Every method of every service, also those that nobody implements: they are answered as unimplemented. */
export function collectMethods(register: (services: Services) => void, usual: Required<ServiceOptions>): readonly Registered[] {
  const methods: Registered[] = [];
  register({
    service(service, implementation, { messageBytes = usual.messageBytes } = {}) {
      const specs = Object.values(createServiceImplSpec(service, implementation).methods);
      methods.push(...specs.map((spec) => ({ spec, messageBytes })));
    },
  });
  return methods;
}
