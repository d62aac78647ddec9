import { beforeEach, expect, test } from "vitest";
import { createUpstreamRevocationsMemory } from "../../src/cache/upstream-revocations-memory.ts";
import { maxTellingsPerProvider, type TellingQueue } from "../../src/exchange/revocation-ports.ts";
import { createTellingNames } from "../../src/sealing/telling-names.ts";
import { refusal } from "../exchange/fixtures.ts";
import { type FrozenClock, frozenClock, masterKey } from "./fixtures.ts";
import { telling, tellingQueueContract } from "./upstream-revocations-contract.ts";

let clock: FrozenClock;
let queue: TellingQueue;

beforeEach(() => {
  clock = frozenClock();
  queue = createUpstreamRevocationsMemory({ nameOf: createTellingNames(masterKey("a")), clock });
});

tellingQueueContract({ queues: () => [queue, queue], clock: () => clock });

test("one provider's outage fills its own share and no other's; what is done makes room", async () => {
  const first = await queue.add(telling());
  for (let count = 1; count < maxTellingsPerProvider; count += 1) await queue.add(telling(`token-${count}-more`));
  await expect(queue.add(telling("beyond"))).rejects.toEqual(
    refusal("STORE_UNAVAILABLE", { cause: expect.objectContaining({ code: "FULL" }) }),
  );
  await queue.add(telling("a", { provider: "other" }));
  await first?.done();
  await first?.done();
  await queue.add(telling());
  await expect(queue.add(telling("beyond"))).rejects.toEqual(refusal("STORE_UNAVAILABLE"));
});
