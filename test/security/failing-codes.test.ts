import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Secret } from "../../src/exchange/secret.ts";
import { type CoreRig, patience, startCoreRig } from "../exchange/core-rig.ts";
import { refusal } from "../exchange/fixtures.ts";

/** What one address may have refused in ten minutes where nothing is configured. */
const share = 50;

let rig: CoreRig;
beforeAll(async () => {
  rig = await startCoreRig();
});
afterAll(() => rig.close());

const guess = (number: number) => rig.core.exchange(rig.question(`guess-${number}`), patience());

describe("an attacker who guesses codes", () => {
  it("is stopped here before the provider bans all of us, and guesses that never reached it cost nothing", async () => {
    for (let number = 0; number < share; number += 1) {
      // A state that nobody made ends here: the provider refused nothing.
      await expect(rig.core.exchange(rig.question("c", { state: "cambio_st_of-nobody" }), patience())).rejects.toThrow(
        refusal("GRANT_INVALID"),
      );
      await expect(guess(number)).rejects.toThrow(refusal("GRANT_INVALID"));
    }
    const before = rig.fake.callsTo("token");
    await expect(guess(share)).rejects.toThrow(refusal("RATE_LIMITED", { retryAfterMs: expect.any(Number) as unknown }));
    expect([before, rig.fake.callsTo("token") - before]).toEqual([share, 0]);
  });

  it("does not stop another client", async () => {
    const code = await rig.signInAlone({ scope: "openid" });
    const backend = rig.client("backend");
    const { tokens } = await rig.core.exchange(
      rig.question(code, { client: backend, trail: { ...rig.question(code).trail, payer: { client: backend.id, address: undefined } } }),
      patience(),
    );
    expect(tokens.accessToken).toBeInstanceOf(Secret);
  });
});
