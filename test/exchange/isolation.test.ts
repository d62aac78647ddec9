import { setImmediate } from "node:timers/promises";
import { expect, it } from "vitest";
import { Secret } from "../../src/exchange/secret.ts";
import { orders, patience, startCoreRig } from "./core-rig.ts";
import { silentTrail } from "./fixtures.ts";

it("a hundred junk codes that hang at the token endpoint do not keep a service from learning a new key", async () => {
  // All endpoints on one origin, as most providers have them.
  const rig = await startCoreRig({ main: { endpoints: {}, timeout: "30s" } });
  try {
    // The keys are known before anything hangs.
    await rig.core.authorize(rig.start(), patience());
    const letGo = rig.fake.hold("token");
    const junk = Array.from({ length: 100 }, (_, index) =>
      rig.core.exchange(rig.question(`junk-${index}`), patience()).catch((failure: unknown) => failure),
    );
    // Every connection that there is for such calls is taken.
    while (rig.fake.callsTo("token") < 64) await setImmediate();

    await rig.fake.keys.rotate();
    rig.clock.advance(30_000);
    const token = new Secret(await rig.fake.mint({ aud: orders, client_id: "web" }));
    const question = {
      client: rig.client("backend"),
      token,
      provider: "",
      audience: "",
      requiredScopes: [],
      exchange: false,
      trail: silentTrail(),
    };
    await expect(rig.core.validate(question, { signal: patience() })).resolves.toHaveProperty("verification");

    letGo();
    await Promise.all(junk);
  } finally {
    await rig.close();
  }
});
