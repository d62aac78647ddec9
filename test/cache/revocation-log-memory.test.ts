import { beforeEach, expect, test } from "vitest";
import { createRevocationLogMemory } from "../../src/cache/revocation-log-memory.ts";
import type { RevocationLog } from "../../src/exchange/revocation-ports.ts";
import { refusal } from "../exchange/fixtures.ts";
import { type FrozenClock, frozenClock } from "./fixtures.ts";
import { nowSeconds, revocationLogContract, tokenRevocation } from "./revocation-log-contract.ts";

let clock: FrozenClock;
let log: RevocationLog;

beforeEach(() => {
  clock = frozenClock();
  log = createRevocationLogMemory({ clock });
});

revocationLogContract({ logs: () => [log, log] });

test("when it is full it says so, keeps what it has, and takes more when something has expired", async () => {
  log = createRevocationLogMemory({ clock, maxEntries: 2 });
  await log.append(tokenRevocation("short", { expiresAt: nowSeconds + 10 }));
  await log.append(tokenRevocation("long"));
  await expect(log.append(tokenRevocation("more"))).rejects.toEqual(
    refusal("STORE_UNAVAILABLE", { cause: expect.objectContaining({ code: "FULL" }) }),
  );
  await log.append(tokenRevocation("long", { expiresAt: nowSeconds + 400 }));
  clock.advance(10_000);
  await log.append(tokenRevocation("more"));
  const { entries } = await log.readSince(0, 10);
  expect(entries.map(({ revocation }) => revocation.id)).toEqual(["jti:long", "jti:more"]);
  await expect(log.append(tokenRevocation("again"))).rejects.toEqual(refusal("STORE_UNAVAILABLE"));
});
