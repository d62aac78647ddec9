import { expect, it } from "vitest";
import { TokenExchangeService } from "../../gen/cambio/v1/token_exchange_service_pb.ts";
import { createDescriptorIndex } from "../../src/transport/descriptor-index.ts";

it("nobody buys work with questions: a file is encoded once, whichever way it is asked for", () => {
  const index = createDescriptorIndex([TokenExchangeService]);
  const byName = index.byFileName("cambio/v1/token_exchange_service.proto") ?? [];
  const bySymbol = index.bySymbol("cambio.v1.ExchangeRequest") ?? [];
  expect(byName.length).toBeGreaterThan(1);
  for (const [at, file] of byName.entries()) expect(bySymbol[at]).toBe(file);
  expect(index.byFileName("cambio/v1/token.proto")?.at(-1)).toBe(byName.at(-2));
});
