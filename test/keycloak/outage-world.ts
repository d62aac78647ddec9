// A world whose provider can be taken away in the worst ways: killed, so that connections break and are refused, or frozen, so that
// they stay open and nothing answers.

import { type FakeWorld, startFakeWorld } from "./fake-world.ts";
import type { World } from "./world.ts";

export interface OutageWorld extends World {
  freeze(): void;
  thaw(): void;
}

export async function startFakeOutageWorld(): Promise<OutageWorld & FakeWorld> {
  const world = await startFakeWorld();
  const calls = ["discovery", "jwks", "exchange", "introspection"] as const;
  return {
    ...world,
    freeze: () => calls.forEach((call) => world.fake.faults.always(call, { kind: "hang-before-headers" })),
    thaw: world.fake.faults.clear,
  };
}
