import { describe, expect, it } from "vitest";
import { startChild } from "../support/child.ts";
import { eventually } from "../support/eventually.ts";
import { environmentFor, exampleFile, page } from "../support/fake-stack.ts";
import { startFaultProxy } from "../support/fault-proxy.ts";
import { oauthProvider } from "../support/oauth-provider.ts";
import {
  atOnce,
  counted,
  type Given,
  outcomeOf,
  refresh,
  refreshesAt,
  signedIn,
  tokensOf,
  answersOtherThan,
  useServers,
} from "./replica-rig.ts";

// A handle that rotates, over three replicas: what a client that asks twice, a thief and a dying replica get from it.

const servers = useServers();
const postgres = { postgres: true } as const;

/** Longer than any replica that lives may hold the turn to refresh. */
const turnOverMs = 600_000;

/** What each replica says to this handle. */
const saidTo = async ({ replicas }: Given, handle: string): Promise<readonly string[]> =>
  (await Promise.all(replicas.map((at) => refresh(at, handle)))).map(outcomeOf);
const everybody = (outcome: string): readonly string[] => [outcome, outcome, outcome];

/** Written by any replica: each has a trail of its own. */
const securityEvents = ({ replicas }: Given) => replicas.flatMap((at) => at.auditLines()).filter(({ kind }) => kind === "security");

describe.each([
  ["PostgreSQL", postgres],
  ["PostgreSQL and Redis", { postgres: true, redis: true }],
] as const)("three replicas on %s", (_, where) => {
  it("100 uses of one handle at once: one rotation, and everyone gets the same successor and a token that is good", async () => {
    const given = await servers.given(where);
    const { refreshToken } = await signedIn(given);
    const answers = await atOnce(100, given.replicas, (at) => refresh(at, refreshToken));
    expect(counted(answers)).toEqual({ "200": 100 });
    expect(refreshesAt(given)).toBe(1);
    const [successors, accessTokens] = [answers.map((one) => tokensOf(one).refreshToken), answers.map((one) => tokensOf(one).accessToken)];
    expect(new Set(successors).size).toBe(1);
    expect(successors[0]).not.toBe(refreshToken);
    expect(new Set(accessTokens).size).toBe(1);
    expect(await answersOtherThan("200", given.replicas, [accessTokens[0] ?? ""])).toEqual([]);
  });

  it("an older handle afterwards ends the family: for everyone, with its access tokens, and on record", async () => {
    const given = await servers.given(where);
    const [one, other, third] = given.replicas;
    const first = await signedIn(given);
    const second = tokensOf(await refresh(one, first.refreshToken));
    const latest = tokensOf(await refresh(other, second.refreshToken));
    const all = [first, second, latest];
    expect(
      await answersOtherThan(
        "200",
        given.replicas,
        all.map(({ accessToken }) => accessToken),
      ),
    ).toEqual([]);
    const bystander = await signedIn(given);

    expect(outcomeOf(await refresh(third, first.refreshToken))).toBe("REAUTHENTICATION_REQUIRED");
    expect(
      await answersOtherThan(
        "TOKEN_REVOKED",
        given.replicas,
        all.map(({ accessToken }) => accessToken),
      ),
    ).toEqual([]);
    for (const { refreshToken } of all) expect(await saidTo(given, refreshToken)).toEqual(everybody("REAUTHENTICATION_REQUIRED"));
    expect(refreshesAt(given)).toBe(2);
    expect(securityEvents(given)).toContainEqual(
      expect.objectContaining({
        event: "one_time_credential_reused",
        method: "Refresh",
        caller: "web",
        reason: "REAUTHENTICATION_REQUIRED",
      }),
    );
    expect(outcomeOf(await refresh(one, bystander.refreshToken))).toBe("200");
  });
});

describe("a handle that was replaced", () => {
  it("answers with the same successor at every replica until that is first used, without the provider", async () => {
    const given = await servers.given(postgres);
    const { refreshToken } = await signedIn(given);
    const successor = tokensOf(await refresh(given.replicas[0], refreshToken));
    given.stack.time.nowMs += 60_000;
    for (const replica of given.replicas)
      await eventually("revocations are followed", async () => outcomeOf(await refresh(replica, refreshToken)) !== "STORE_UNAVAILABLE");
    const again = await atOnce(6, given.replicas, (at) => refresh(at, refreshToken));
    expect(again.map(tokensOf)).toEqual(Array.from({ length: 6 }, () => successor));
    expect(refreshesAt(given)).toBe(1);

    const next = tokensOf(await refresh(given.replicas[1], successor.refreshToken));
    expect(outcomeOf(await refresh(given.replicas[2], refreshToken))).toBe("REAUTHENTICATION_REQUIRED");
    expect(await saidTo(given, next.refreshToken)).toEqual(everybody("REAUTHENTICATION_REQUIRED"));
  });

  it("is over after ten minutes, although its successor was never used", async () => {
    const given = await servers.given(postgres);
    const { refreshToken } = await signedIn(given);
    const { refreshToken: successor } = tokensOf(await refresh(given.replicas[0], refreshToken));
    given.stack.time.nowMs += 600_000;
    expect(outcomeOf(await refresh(given.replicas[1], refreshToken))).toBe("REAUTHENTICATION_REQUIRED");
    expect(await saidTo(given, successor)).toEqual(everybody("REAUTHENTICATION_REQUIRED"));
    expect(refreshesAt(given)).toBe(1);
  });
});

describe("a stranger", () => {
  it("gets nothing by another client's handle, learns nothing, and ends nothing", async () => {
    const given = await servers.given(postgres);
    const { refreshToken } = await signedIn(given);
    const made = `${refreshToken.slice(0, -2)}${refreshToken.endsWith("AA") ? "BB" : "AA"}`;
    const strangers = [
      await given.replicas[0].rpc("Refresh", { clientId: "cli", refreshToken }),
      await given.replicas[1].rpc("Refresh", { clientId: "web", refreshToken: made }, { origin: page }),
      await given.replicas[2].rpc("Refresh", { clientId: "cli", refreshToken: "cambio_rt_of-nobody" }),
    ];
    expect(strangers.map(outcomeOf)).toEqual(everybody("REAUTHENTICATION_REQUIRED"));
    expect(new Set(strangers.map(({ body }) => body["message"])).size).toBe(1);
    expect(refreshesAt(given)).toBe(0);
    expect(outcomeOf(await refresh(given.replicas[0], refreshToken))).toBe("200");
  });
});

describe("a replica that is killed while the provider holds its answer back", () => {
  it("the others end the family and never present the refresh token a second time", async () => {
    const given = await servers.given(postgres);
    const { stack, replicas } = given;
    const { accessToken, refreshToken } = await signedIn(given);
    const env = { ...environmentFor(stack.provider), ...servers.environment(postgres) };
    const doomed = startChild(["src/cli/cambio.mjs", "serve", exampleFile], env);
    servers.defer(async () => {
      doomed.process.kill("SIGKILL");
      await doomed.ended;
    });
    await doomed.untilOutput(/"msg":"listening"/);
    const url = /"url":"([^"]+)"/.exec(doomed.output())?.[1] ?? "";
    const release = stack.provider.hold("token");
    const lost = fetch(`${url}/cambio.v1.TokenExchangeService/Refresh`, {
      method: "POST",
      headers: { "content-type": "application/json", origin: page },
      body: JSON.stringify({ clientId: "web", refreshToken }),
    });
    lost.catch(() => undefined);
    await eventually("the refresh token is at the provider", () => refreshesAt(given) === 1);
    doomed.process.kill("SIGKILL");
    expect(await doomed.ended).toBeNull();
    await expect(lost).rejects.toThrow("fetch failed");
    release();

    // Nobody knows yet that it is dead: they wait for it.
    const waiting = replicas.map((at) => refresh(at, refreshToken));
    await eventually("they wait", async () => {
      const intents = replicas.flatMap((at) => at.auditLines()).filter(({ kind, method }) => kind === "intent" && method === "Refresh");
      return intents.length === replicas.length;
    });
    stack.time.nowMs = Date.now() + turnOverMs;
    expect((await Promise.all(waiting)).map(outcomeOf)).toEqual(everybody("REAUTHENTICATION_REQUIRED"));
    expect(await saidTo(given, refreshToken)).toEqual(everybody("REAUTHENTICATION_REQUIRED"));
    expect(refreshesAt(given)).toBe(1);
    // Doubt about the provider's token is no theft: what was handed out stays good.
    expect(await answersOtherThan("200", replicas, [accessToken])).toEqual([]);
  });
});

/** From now on every replica reaches the provider's token endpoint through the proxy. */
function leadThrough(port: number, { stack, replicas }: Given): void {
  const main = oauthProvider(stack.configuration, "main");
  const led = { ...main, endpoints: { ...main.endpoints, token: `http://127.0.0.1:${port}/token` } };
  for (const replica of replicas) replica.reload({ ...stack.configuration, providers: { ...stack.configuration.providers, main: led } });
}

describe("a provider that fails", () => {
  it("without an answer ends the family: the token may be spent, so it is not presented again", async () => {
    const given = await servers.given(postgres);
    const { stack, replicas } = given;
    const { refreshToken } = await signedIn(given);
    stack.provider.faults.next("token", { kind: "after-work", answer: { kind: "reset" } });
    expect(outcomeOf(await refresh(replicas[0], refreshToken))).toBe("OUTCOME_UNKNOWN");
    expect(await saidTo(given, refreshToken)).toEqual(everybody("REAUTHENTICATION_REQUIRED"));
    expect(refreshesAt(given)).toBe(1);
  });

  it("by turning calls away gives the turn back, and the next one refreshes", async () => {
    const given = await servers.given(postgres);
    const { stack, replicas } = given;
    const { refreshToken } = await signedIn(given);
    stack.provider.faults.next("token", { kind: "status", status: 429 });
    expect(outcomeOf(await refresh(replicas[0], refreshToken))).toBe("UPSTREAM_RATE_LIMITED");
    expect(outcomeOf(await refresh(replicas[1], refreshToken))).toBe("200");
    expect(refreshesAt(given)).toBe(2);
  });

  it("by being down gives the turn back, and the handle works at every replica when it is there again", async () => {
    const given = await servers.given(postgres);
    const { refreshToken } = await signedIn(given);
    const proxy = await startFaultProxy(Number(new URL(given.stack.provider.issuer).port));
    servers.defer(() => proxy.close());
    leadThrough(proxy.port, given);
    proxy.refuse();
    expect(await saidTo(given, refreshToken)).toEqual(everybody("UPSTREAM_UNAVAILABLE"));
    expect(refreshesAt(given)).toBe(0);
    await proxy.accept();
    expect(await saidTo(given, refreshToken)).toEqual(everybody("200"));
    expect(refreshesAt(given)).toBe(1);
  });
});
