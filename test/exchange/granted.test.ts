import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { oneTimeLifetimeMs } from "../../src/exchange/one-time-ports.ts";
import { Secret } from "../../src/exchange/secret.ts";
import { type CoreRig, orders, patience, startCoreRig } from "./core-rig.ts";
import { refusal, silentTrail } from "./fixtures.ts";

const payroll = "https://payroll.example";

let rig: CoreRig;
beforeEach(async () => {
  rig = await startCoreRig();
});
afterEach(() => rig.close());

/** The provider's answer to the next call: an access token with these claims, and nothing that is not said here. */
async function answerWith(claims: Readonly<Record<string, unknown>>, members: Readonly<Record<string, unknown>> = {}): Promise<void> {
  const body = { access_token: await rig.fake.mint(claims), token_type: "Bearer", ...members };
  rig.fake.faults.next("token", { kind: "status", status: 200, body });
}
const redeem = async () => (await rig.core.exchange(rig.question(await rig.signInAlone()), patience())).tokens;

describe("a client that asked its provider for more than it may have, in an address of its own", () => {
  it("gets no scope that the provider grants without saying so", async () => {
    await answerWith({ scope: "openid admin:everything" });
    await expect(redeem()).rejects.toThrow(refusal("SCOPE_NOT_ALLOWED"));
  });

  it("gets no scope that the token carries beside what the answer says", async () => {
    await answerWith({ scope: "openid admin:everything" }, { scope: "openid" });
    await expect(redeem()).rejects.toThrow(refusal("SCOPE_NOT_ALLOWED"));
  });

  it.each([
    ["as a list", { scope: ["openid", "admin:everything"] }],
    ["as scp", { scp: "admin:everything" }],
    ["as scp, a list", { scp: ["admin:everything"] }],
    ["beside a claim too deep for a strict reader", { scope: "admin:everything", deep: [[[[[[[[[[1]]]]]]]]]] }],
  ])("gets no scope that the token carries %s", async (_name, claims) => {
    await answerWith(claims);
    await expect(redeem()).rejects.toThrow(refusal("SCOPE_NOT_ALLOWED"));
  });

  it("gets no scope by asking for another one in the refresh", async () => {
    const { refreshToken } = await rig.tokensOf(rig.client("web"));
    await answerWith({ scope: "openid admin:everything" });
    const question = { client: rig.client("web"), provider: "", refreshToken, scopes: ["openid"], trail: silentTrail() };
    await expect(rig.core.refresh(question, patience())).rejects.toThrow(refusal("SCOPE_NOT_ALLOWED"));
  });

  it("keeps a token for an audience of its own whose identifier another audience has as well", async () => {
    await answerWith({ scope: "openid", aud: "https://shared.example" });
    await expect(redeem()).resolves.toHaveProperty("accessToken");
  });

  it("gets no scope that the provider names", async () => {
    await answerWith({ scope: "openid" }, { scope: "openid admin:everything" });
    await expect(redeem()).rejects.toThrow(refusal("SCOPE_NOT_ALLOWED"));
  });

  it("gets no token for a configured audience that it may not ask for, alone or among others", async () => {
    for (const aud of [payroll, [orders, payroll]]) {
      await answerWith({ scope: "openid", aud });
      await expect(redeem()).rejects.toThrow(refusal("TARGET_NOT_ALLOWED"));
    }
  });

  it("gets neither by a refresh", async () => {
    const { refreshToken } = await rig.tokensOf(rig.client("web"));
    const refresh = () =>
      rig.core.refresh({ client: rig.client("web"), provider: "", refreshToken, scopes: [], trail: silentTrail() }, patience());
    await answerWith({ scope: "openid", aud: payroll });
    await expect(refresh()).rejects.toThrow(refusal("TARGET_NOT_ALLOWED"));
    await answerWith({ scope: "admin:everything" });
    await expect(refresh()).rejects.toThrow(refusal("SCOPE_NOT_ALLOWED"));
  });

  it("keeps what it may have, and a token that cannot be read", async () => {
    await answerWith({ scope: "openid orders:read", aud: orders });
    await expect(redeem()).resolves.toHaveProperty("accessToken");
    rig.fake.faults.next("token", { kind: "status", status: 200, body: { access_token: "opaque", token_type: "Bearer" } });
    await expect(redeem()).resolves.toHaveProperty("accessToken");
  });
});

const idToken = (sub: string) => rig.fake.mint({ sub, aud: "cambio" }, { typ: "JWT" });

describe("a provider that answers a refresh with somebody else's ID token", () => {
  it("does not turn one user's handle into another user's tokens", async () => {
    const code = await rig.signInAlone({ scope: "openid" });
    await answerWith({ scope: "openid" }, { refresh_token: "rt-of-alice", id_token: await idToken("alice") });
    const { tokens } = await rig.core.exchange(rig.question(code), patience());
    const { refreshToken = new Secret("none came") } = tokens;
    const refresh = (handle: Secret) =>
      rig.core.refresh({ client: rig.client("web"), provider: "", refreshToken: handle, scopes: [], trail: silentTrail() }, patience());

    await answerWith({ scope: "openid" }, { id_token: await idToken("mallory") });
    await expect(refresh(refreshToken)).rejects.toThrow(refusal("OUTCOME_UNKNOWN"));

    // And still not after an answer that names nobody.
    await answerWith({ scope: "openid" }, { refresh_token: "rt-next" });
    const next = (await refresh(refreshToken)).tokens.refreshToken ?? refreshToken;
    await answerWith({ scope: "openid" }, { id_token: await idToken("mallory") });
    await expect(refresh(next)).rejects.toThrow(refusal("OUTCOME_UNKNOWN"));

    await answerWith({ scope: "openid" }, { id_token: await idToken("alice") });
    await expect(refresh(next)).resolves.toHaveProperty("tokens");
  });
});

it("a state that was put back does not outlive the instant that was promised for it", async () => {
  const { code, state } = await rig.signIn();
  const again = () => rig.core.exchange(rig.question(code, { state }), patience());
  rig.clock.advance(oneTimeLifetimeMs - 1);
  await rig.relay.shut();
  await expect(again()).rejects.toThrow(refusal("UPSTREAM_UNAVAILABLE"));
  await rig.relay.open();
  rig.clock.advance(1);
  await expect(again()).rejects.toThrow(refusal("GRANT_INVALID"));
});
