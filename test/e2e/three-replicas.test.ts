import { describe, expect, it } from "vitest";
import { eventually } from "../support/eventually.ts";
import { backendRedirectUri, type Instance } from "../support/fake-stack.ts";
import { atOnce, counted, everywhereShared, type Given, outcomeOf, redeem, untilReady, useServers } from "./replica-rig.ts";

// Three replicas and one attacker, or one impatient client, that asks all of them at the same time.

const servers = useServers();
const calls = 30;
const onlyOne = { "200": 1, GRANT_INVALID: calls - 1 };

/** A code that only itself protects: its client checks the state, so that none of Cambio's is used up beside it. */
const bareCode = async ({ stack }: Given) => ({ ...(await stack.newCode()), state: "a-state-of-the-client" });

/** A sign-in whose verifier is kept by the service; the user confirms it so many times, each giving a code of its own. */
async function codesUnderOneState({ stack }: Given, count: number): Promise<{ state: string; codes: readonly string[] }> {
  const { body } = await stack.cambio.rpc("CreateAuthorizationUrl", {}, { authorization: stack.authorization("backend") });
  const url = String(body["authorizationUrl"]);
  const logins = await Promise.all(Array.from({ length: count }, () => stack.provider.login(url)));
  const [first] = logins;
  stack.canary.register("state", first?.state ?? "");
  return { state: first?.state ?? "", codes: logins.map(({ code }) => code) };
}

const redeemAsService = ({ stack }: Given, at: Instance, code: string, state: string) =>
  at.rpc(
    "Exchange",
    { authorizationCode: { code, state, redirectUri: backendRedirectUri } },
    { authorization: stack.authorization("backend") },
  );

describe.each(everywhereShared)("three replicas on %s", (_, where) => {
  it("the same code sent 30 times at once reaches the provider once", async () => {
    const given = await servers.given(where);
    const { stack, replicas } = given;
    const code = await bareCode(given);
    expect(counted(await atOnce(calls, replicas, (at) => redeem(at, code)))).toEqual(onlyOne);
    expect(stack.provider.callsTo("token")).toBe(1);
    // Nor later, at any of them.
    expect(counted(await atOnce(3, replicas, (at) => redeem(at, code)))).toEqual({ GRANT_INVALID: 3 });
    expect(stack.provider.callsTo("token")).toBe(1);
  });

  it("30 codes that an attacker brings under one state: one of them reaches the provider", async () => {
    const given = await servers.given(where);
    const { state, codes } = await codesUnderOneState(given, calls);
    const answers = await atOnce(calls, given.replicas, (at, number) => redeemAsService(given, at, codes[number] ?? "", state));
    expect(counted(answers)).toEqual(onlyOne);
    expect(given.stack.provider.callsTo("token")).toBe(1);
  });
});

describe("three replicas on PostgreSQL, with a Redis that comes and goes", () => {
  it("the same code reaches the provider once, also while Redis is started again empty", async () => {
    const given = await servers.given({ postgres: true, redis: true });
    const { stack, replicas } = given;
    const code = await bareCode(given);
    const release = stack.provider.hold("token");
    const before = atOnce(calls / 2, replicas, (at) => redeem(at, code));
    await eventually("the code reaches the provider", () => stack.provider.callsTo("token") === 1);
    await servers.redis().kill();
    await servers.redis().start();
    const after = atOnce(calls / 2, replicas, (at) => redeem(at, code));
    release();
    expect(counted([...(await before), ...(await after)])).toEqual(onlyOne);
    await untilReady(replicas, "redis");
    expect(counted(await atOnce(3, replicas, (at) => redeem(at, code)))).toEqual({ GRANT_INVALID: 3 });
    expect(stack.provider.callsTo("token")).toBe(1);
  });

  it("a state is good once, also where Redis was emptied after its first use", async () => {
    const given = await servers.given({ postgres: true, redis: true });
    const { state, codes } = await codesUnderOneState(given, 2);
    const [one, other] = given.replicas;
    const [first = "", second = ""] = codes;
    expect(outcomeOf(await redeemAsService(given, one, first, state))).toBe("200");
    await servers.redis().flush();
    expect(outcomeOf(await redeemAsService(given, other, second, state))).toBe("GRANT_INVALID");
    expect(given.stack.provider.callsTo("token")).toBe(1);
  });
});
