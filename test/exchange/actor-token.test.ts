import { beforeEach, describe, expect, it } from "vitest";
import type { ActorTokenQuestion } from "../../src/exchange/actor-token.ts";
import type { Reason } from "../../src/exchange/errors.ts";
import { Secret } from "../../src/exchange/secret.ts";
import { refusal } from "./fixtures.ts";
import { createMintRig, type MintRig } from "./mint-rig.ts";
import { mainIssuer } from "./mint-written.ts";

let rig: MintRig;
beforeEach(() => {
  rig = createMintRig();
});

const signal = new AbortController().signal;
const verify = (actorToken: Secret, given: Partial<ActorTokenQuestion> = {}) =>
  rig.verifyActor({ client: rig.client("orders"), actorToken, trail: rig.trail, mayAsk: () => undefined, ...given }, signal);
const seconds = () => rig.clock() / 1_000;

describe("a token of who is to act", () => {
  it("is verified as any token is, and on record by its subject and issuer alone", async () => {
    rig.trail.note({ provider: "site", issuer: "https://subject.example", subject: "alice", credential: new Secret("subject's") });
    const { provider, claims } = await verify(rig.agent());
    expect([provider, claims.subject, claims.clientId]).toEqual(["main", "robot", "agent"]);
    expect(rig.noted()).toEqual({
      provider: "site",
      issuer: "https://subject.example",
      subject: "alice",
      credential: new Secret("subject's"),
      actor: "robot",
      actorIssuer: mainIssuer,
    });
  });

  it.each<[string, Readonly<Record<string, unknown>>, Reason]>([
    ["has ended", { iat: 1_799_999_000, exp: 1_800_000_060 }, "TOKEN_EXPIRED"],
    ["is of a stranger", { iss: "https://evil.example" }, "ISSUER_NOT_TRUSTED"],
    ["is not valid yet", { iat: 1_800_000_031 }, "TOKEN_NOT_YET_VALID"],
    ["is bound to a key", { cnf: { jkt: "x" } }, "PROOF_REQUIRED"],
    ["was issued to nobody", { client_id: undefined }, "TOKEN_INVALID"],
    ["was meant for somebody else", { aud: "urn:payroll" }, "AUDIENCE_MISMATCH"],
    ["was meant for nobody", { aud: undefined }, "AUDIENCE_MISMATCH"],
    ["was issued to a client that the audience does not trust", { client_id: "games" }, "CLIENT_NOT_TRUSTED"],
  ])("that %s is refused, and it is said which of the two tokens is meant", async (_what, claims, reason) => {
    await expect(verify(rig.agent(claims))).rejects.toThrow(refusal(reason, { field: "ACTOR_TOKEN" }));
    expect(rig.noted()).not.toHaveProperty("actor");
  });

  it("says when it ended", async () => {
    const exp = seconds() + 60;
    await expect(verify(rig.agent({ exp, iat: seconds() - 60 }))).rejects.toThrow(refusal("TOKEN_EXPIRED", { expiredAt: exp }));
  });

  it.each<[string, () => Secret, Reason]>([
    ["is no JWT", () => new Secret("opaque"), "TOKEN_MALFORMED"],
    ["is longer than any token", () => new Secret("a".repeat(16_385)), "TOKEN_MALFORMED"],
    ["is a refresh handle of our own", () => new Secret("cambio_rt_x"), "TOKEN_TYPE_MISMATCH"],
  ])("that %s is refused as such", async (_what, token, reason) => {
    await expect(verify(token())).rejects.toThrow(refusal(reason, { field: "ACTOR_TOKEN" }));
  });

  it("that was ended is refused, remembered or not", async () => {
    await verify(rig.agent());
    rig.revoked.add("actor");
    await expect(verify(rig.agent())).rejects.toThrow(refusal("TOKEN_REVOKED", { field: "ACTOR_TOKEN" }));
  });

  it("of somebody all of whose tokens were ended is refused", async () => {
    rig.revoked.add("main robot");
    await expect(verify(rig.agent())).rejects.toThrow(refusal("TOKEN_REVOKED", { field: "ACTOR_TOKEN" }));
  });

  it("is worth nothing to a client without an audience of its own", async () => {
    const client = { ...rig.client("orders"), audiences: [] };
    await expect(verify(rig.agent(), { client })).rejects.toThrow(refusal("TARGET_NOT_ALLOWED"));
  });

  it("cannot be decided while nobody knows what was ended, and then it is not the token's fault", async () => {
    rig.failing.revocations = "STORE_UNAVAILABLE";
    await expect(verify(rig.agent())).rejects.toThrow(refusal("STORE_UNAVAILABLE", { field: undefined }));
  });
});
