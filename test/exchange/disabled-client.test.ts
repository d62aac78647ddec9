import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Secret } from "../../src/exchange/secret.ts";
import { type CoreRig, orders, patience, startCoreRig } from "./core-rig.ts";
import { recordingTrail, refusal, silentTrail } from "./fixtures.ts";

let rig: CoreRig;
beforeEach(async () => {
  rig = await startCoreRig();
});
afterEach(() => rig.close());

const everything = ["methods", "scopes", "audiences", "max_lifetime"];
/** With every rule that there is on trial, as that must not help. */
const disable = () =>
  rig.reconfigure({ web: { disabled: true, report_only: everything }, backend: { disabled: true, report_only: everything } });
const enable = () => rig.reconfigure({});
const disabled = (id: "web" | "backend") =>
  refusal("CALLER_NOT_ALLOWED", { field: "CALLER", cause: { kind: "policy", rule: `clients.${id}.disabled` } });
const question = (id: "web" | "backend") => ({ client: rig.client(id), provider: "", trail: silentTrail(id) });

describe("a client that was disabled", () => {
  it("redeems no code: the provider does not hear of it, and it is not used up", async () => {
    const code = await rig.signInAlone();
    disable();
    const { trail, intents } = recordingTrail();
    await expect(rig.core.exchange(rig.question(code, { trail }), patience())).rejects.toThrow(disabled("web"));
    expect([rig.fake.callsTo("token"), intents()]).toEqual([0, 0]);
    enable();
    await expect(rig.core.exchange(rig.question(code), patience())).resolves.toHaveProperty("tokens");
  });

  it.each(["web", "backend"] as const)("refreshes nothing that it was given before: %s", async (id) => {
    const { refreshToken } = await rig.tokensOf(rig.client(id));
    const before = rig.fake.callsTo("token");
    const refresh = () => rig.core.refresh({ ...question(id), refreshToken, scopes: [] }, patience());
    disable();
    await expect(refresh()).rejects.toThrow(disabled(id));
    expect(rig.fake.callsTo("token")).toBe(before);
    enable();
    await expect(refresh()).resolves.toHaveProperty("tokens");
  });

  it("validates nothing, not even what is remembered from before", async () => {
    const token = new Secret(await rig.fake.mint({ aud: orders, client_id: "web" }));
    const validate = async () =>
      rig.core.validate({ ...question("backend"), token, audience: "", requiredScopes: [], exchange: false }, { signal: patience() });
    await validate();
    await expect(validate()).resolves.toHaveProperty("cached", true);
    disable();
    await expect(validate()).rejects.toThrow(disabled("backend"));
    enable();
    await expect(validate()).resolves.toHaveProperty("cached", true);
  });

  it("begins no sign-in", async () => {
    disable();
    await expect(rig.core.authorize(rig.start(), patience())).rejects.toThrow(disabled("web"));
    await expect(rig.core.authorize(rig.start({ client: rig.client("backend") }), patience())).rejects.toThrow(disabled("backend"));
  });

  // A handle is stopped where callers enter: past that nothing refuses a sign-out.
  it("ends no access token that it was given before", async () => {
    const { accessToken: token } = await rig.tokensOf(rig.client("web"));
    const revoke = () => rig.core.revoke({ ...question("web"), token, isRefreshToken: false }, patience());
    disable();
    await expect(revoke()).rejects.toThrow(disabled("web"));
    expect(rig.fake.revoked).toEqual([]);
    enable();
    await expect(revoke()).resolves.toEqual({ upstreamPending: false });
    expect(rig.fake.revoked).toEqual([token.reveal()]);
  });
});
