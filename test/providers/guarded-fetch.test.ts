import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { guardedFetch } from "../../src/providers/guarded-fetch.ts";
import { type FakeProvider, startFakeProvider } from "../support/fake-provider.ts";
import { createRig, type Rig } from "../support/provider-rig.ts";

let fake: FakeProvider;
let rig: Rig;
beforeEach(async () => {
  fake = await startFakeProvider();
  rig = createRig({ issuer: fake.issuer, client: fake.client });
});
afterEach(async () => {
  await rig.close();
  await fake.close();
});

describe("a POST whose connection breaks", () => {
  it.each([
    ["introspection", 2],
    ["token", 1],
    ["revocation", 1],
  ] as const)("at the endpoint %s reaches the provider %i times: what spends something is never sent again", async (endpoint, times) => {
    fake.faults.next("jwks", { kind: "reset" });
    const post = guardedFetch(rig.http, endpoint);
    await post(`${fake.issuer}/jwks`, { method: "POST", headers: {}, body: new URLSearchParams({ token: "t" }) }).catch(() => undefined);
    expect(fake.callsTo("jwks")).toBe(times);
  });
});
