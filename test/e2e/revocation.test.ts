import { describe, expect, it } from "vitest";
import type { Configuration } from "../../src/config/schema.ts";
import { startChild } from "../support/child.ts";
import { eventually } from "../support/eventually.ts";
import { environmentFor, exampleFile, type FakeStack, type Instance, page } from "../support/fake-stack.ts";
import { createSigningKeys } from "../support/signing-keys.ts";
import {
  everywhereShared,
  type Given,
  outcomeOf,
  redeem,
  refresh,
  revokeAsPage,
  revokeAsService,
  signedIn,
  tokensOf,
  answersOtherThan,
  untilReady,
  useServers,
  type Where,
} from "./replica-rig.ts";

// One replica hears that a token has ended; nobody may get by with it at another. Upstream, the provider is told once.

const servers = useServers();
const database = { postgres: true } as const;
const both = { postgres: true, redis: true } as const;
const redisAlone = { redis: true } as const;
const oneFile = { sqlite: true } as const;

/** Longer than any pause between two attempts to tell a provider at first. */
const nextAttemptMs = 10_000;

/** A token that every replica has accepted, and one that none has seen. */
async function cachedAndNot({ stack, replicas }: Given, claims?: Readonly<Record<string, unknown>>): Promise<readonly [string, string]> {
  const cached = await stack.token(claims);
  const accepted = await Promise.all(replicas.map((at) => at.validate(cached)));
  expect(accepted.map(outcomeOf)).toEqual(["200", "200", "200"]);
  return [cached, await stack.token(claims)];
}

/** Ends all of them at that replica. */
async function revokeAll(given: Given, at: Instance, tokens: readonly string[]): Promise<void> {
  for (const token of tokens) expect(outcomeOf(await revokeAsService(given, at, token))).toBe("200");
}

/** `cambio revoke` as an operator runs it. */
async function revokeSubject({ stack }: Given, where: Where, subject: string): Promise<void> {
  const env = { ...environmentFor(stack.provider), ...servers.environment(where) };
  const command = startChild(["src/cli/cambio.mjs", "revoke", exampleFile, "--provider", "main", "--subject", subject], env);
  expect({ status: await command.ended, errors: command.errors() }).toEqual({ status: 0, errors: "" });
}

/** All replicas stop, and as many begin with nothing in their memory. */
async function restarted({ stack }: Given): Promise<readonly Instance[]> {
  await Promise.all(stack.instances.map((replica) => replica.close()));
  return Promise.all(stack.instances.map(() => later(stack)));
}

async function later(stack: FakeStack): Promise<Instance> {
  const replica = await stack.another();
  servers.defer(() => replica.close());
  return replica;
}

async function emptyRedis(how: "restart" | "flush"): Promise<void> {
  if (how === "flush") return servers.redis().flush();
  await servers.redis().kill();
  await servers.redis().start();
}

describe.each(everywhereShared)("Revoke on one replica, on %s", (_, where) => {
  it("of access tokens: the others refuse those they had accepted and those they had not seen within a second", async () => {
    const given = await servers.given(where);
    const tokens = await cachedAndNot(given);
    const untouched = await given.stack.token();
    await revokeAll(given, given.replicas[0], tokens);
    expect(await answersOtherThan("TOKEN_REVOKED", given.replicas, tokens)).toEqual([]);
    expect(await answersOtherThan("200", given.replicas, [untouched])).toEqual([]);

    // One that starts later, and all of them after a restart of all.
    expect(await answersOtherThan("TOKEN_REVOKED", [await later(given.stack), ...(await restarted(given))], tokens)).toEqual([]);
  });

  it("of a subject by the command: every token issued until then is refused within a second, and later ones are not", async () => {
    const given = await servers.given(where);
    const tokens = await cachedAndNot(given, { sub: "mallory" });
    const ofAnother = await given.stack.token();
    await revokeSubject(given, where, "mallory");
    expect(await answersOtherThan("TOKEN_REVOKED", given.replicas, tokens)).toEqual([]);
    expect(await answersOtherThan("200", given.replicas, [ofAnother])).toEqual([]);

    // Past the provider's clock tolerance.
    given.stack.time.nowMs = Date.now() + 32_000;
    const afterwards = [await given.stack.token({ sub: "mallory" })];
    await eventually("they are accepted", async () => (await answersOtherThan("200", given.replicas, afterwards)).length === 0);
    expect(await answersOtherThan("TOKEN_REVOKED", [await later(given.stack)], tokens)).toEqual([]);
  });
});

describe.each([
  ["PostgreSQL", database],
  ["PostgreSQL and Redis", both],
] as const)("Revoke of a handle, on %s", (_, where) => {
  it("ends the handle and every access token that came out of it, on every replica", async () => {
    const given = await servers.given(where);
    const [one, other] = given.replicas;
    const first = await signedIn(given);
    const second = tokensOf(await refresh(other, first.refreshToken));
    expect(await answersOtherThan("200", given.replicas, [first.accessToken, second.accessToken])).toEqual([]);

    expect(outcomeOf(await revokeAsPage(one, second.refreshToken))).toBe("200");
    expect(await answersOtherThan("TOKEN_REVOKED", given.replicas, [first.accessToken, second.accessToken])).toEqual([]);
    for (const replica of given.replicas) expect(outcomeOf(await refresh(replica, second.refreshToken))).toBe("REAUTHENTICATION_REQUIRED");
  });
});

describe("an emptied Redis", () => {
  it.each([
    ["started again empty", "restart"],
    ["FLUSHALL", "flush"],
  ] as const)(
    "beside PostgreSQL makes nobody forget, and what is revoked right afterwards is known within a second: %s",
    async (_, how) => {
      const given = await servers.given(both);
      const tokens = await cachedAndNot(given);
      await revokeAll(given, given.replicas[0], tokens);
      await emptyRedis(how);
      const afterwards = await cachedAndNot(given);
      await revokeAll(given, given.replicas[1], afterwards);
      expect(await answersOtherThan("TOKEN_REVOKED", given.replicas, [...tokens, ...afterwards])).toEqual([]);
      expect(await answersOtherThan("TOKEN_REVOKED", [await later(given.stack)], [...tokens, ...afterwards])).toEqual([]);
    },
  );

  it("beside PostgreSQL: what was revoked while it was away is known within a second", async () => {
    const given = await servers.given(both);
    const tokens = await cachedAndNot(given);
    await servers.kill(servers.redis());
    await revokeAll(given, given.replicas[0], tokens);
    expect(await answersOtherThan("TOKEN_REVOKED", given.replicas, tokens)).toEqual([]);
  });

  it.each([
    ["started again empty", "restart"],
    ["FLUSHALL", "flush"],
  ] as const)("as the authority: replicas that run still know, and hear what is revoked afterwards: %s", async (_, how) => {
    const given = await servers.given(redisAlone);
    const tokens = await cachedAndNot(given);
    await revokeAll(given, given.replicas[0], tokens);
    expect(await answersOtherThan("TOKEN_REVOKED", given.replicas, tokens)).toEqual([]);
    await emptyRedis(how);
    await untilReady(given.replicas, "redis");
    const afterwards = await cachedAndNot(given);
    await revokeAll(given, given.replicas[1], afterwards);
    expect(await answersOtherThan("TOKEN_REVOKED", given.replicas, [...tokens, ...afterwards])).toEqual([]);
  });
});

describe("a SQLite file", () => {
  it("holds what was revoked, the rotated handle included, over a restart", async () => {
    const given = await servers.given(oneFile);
    const { stack } = given;
    const { accessToken, refreshToken } = await signedIn(given);
    const tokens = [await stack.token(), await stack.token()];
    await revokeAll(given, stack.cambio, tokens);
    expect(outcomeOf(await revokeAsPage(stack.cambio, refreshToken))).toBe("200");
    expect(await answersOtherThan("TOKEN_REVOKED", stack.instances, [...tokens, accessToken])).toEqual([]);
    const [again] = await restarted(given);
    if (again === undefined) throw new Error("it was not started again");
    expect(await answersOtherThan("TOKEN_REVOKED", [again], [...tokens, accessToken])).toEqual([]);
    expect(outcomeOf(await refresh(again, refreshToken))).toBe("REAUTHENTICATION_REQUIRED");
  });
});

describe("an authority that is away", () => {
  it.each([
    ["PostgreSQL", database, "postgres"],
    ["PostgreSQL beside Redis", both, "postgres"],
    ["Redis", redisAlone, "redis"],
  ] as const)(
    "known tokens go on within revocation_lag; beyond it there is no yes, until it is back by itself: %s",
    async (_, where, authority) => {
      const given = await servers.given(where);
      const { stack, replicas } = given;
      const [revoked] = await cachedAndNot(given);
      const [known, unseen] = await cachedAndNot(given);
      await revokeAll(given, replicas[0], [revoked]);
      expect(await answersOtherThan("TOKEN_REVOKED", replicas, [revoked])).toEqual([]);
      const start = await servers.kill(servers[authority]());

      stack.time.nowMs += stack.configuration.revocation_lag - 500;
      expect(await answersOtherThan("200", replicas, [known, unseen])).toEqual([]);
      stack.time.nowMs += 1_000;
      const asked = await Promise.all(replicas.flatMap((at) => [known, unseen, revoked].map((token) => at.validate(token))));
      const each = ["STORE_UNAVAILABLE", "STORE_UNAVAILABLE", "TOKEN_REVOKED"];
      expect(asked.map(outcomeOf)).toEqual([...each, ...each, ...each]);

      await start();
      await eventually("every replica says yes again", async () =>
        (await Promise.all(replicas.map((at) => at.validate(known)))).every(({ status }) => status === 200),
      );
      expect(await answersOtherThan("TOKEN_REVOKED", replicas, [revoked])).toEqual([]);
    },
  );
});

describe("the provider", () => {
  it("is told once of an access token, and of the refresh token behind a handle", async () => {
    const given = await servers.given(database);
    const { stack, replicas } = given;
    const token = await stack.token();
    const { refreshToken } = await signedIn(given);
    const answers = [await revokeAsService(given, replicas[0], token), await revokeAsPage(replicas[1], refreshToken)];
    expect(answers.map(({ status, body }) => [status, body])).toEqual([
      [200, {}],
      [200, {}],
    ]);
    expect(stack.provider.revoked).toEqual([token, stack.provider.issued.find((issued) => issued.startsWith("refresh-"))]);
    expect(stack.provider.violations).toEqual([]);
  });

  it.each([
    ["PostgreSQL", database],
    ["a SQLite file", oneFile],
  ] as const)("is told after it is back where it was away, also where every replica was restarted meanwhile: %s", async (_, where) => {
    const given = await servers.given(where);
    const { stack } = given;
    const tokens = [await stack.token(), await stack.token()];
    stack.provider.faults.always("revocation", { kind: "status", status: 503 });
    for (const token of tokens) {
      const { status, body } = await revokeAsService(given, stack.cambio, token);
      expect([status, body]).toEqual([200, { upstreamPending: true }]);
    }
    expect(stack.provider.revoked).toEqual([]);

    await restarted(given);
    stack.provider.faults.clear();
    stack.time.nowMs += nextAttemptMs;
    await eventually("the provider is told", () => stack.provider.revoked.length >= tokens.length);
    expect(stack.provider.revoked.toSorted()).toEqual(tokens.toSorted());
  });

  it("is told by the replicas that run, once it is back", async () => {
    const given = await servers.given(both);
    const { stack, replicas } = given;
    const token = await stack.token();
    stack.provider.faults.always("revocation", { kind: "reset" });
    const { body } = await revokeAsService(given, replicas[0], token);
    expect(body).toEqual({ upstreamPending: true });
    expect(await answersOtherThan("TOKEN_REVOKED", replicas, [token])).toEqual([]);
    stack.provider.faults.clear();
    stack.time.nowMs += nextAttemptMs;
    await eventually("the provider is told", () => stack.provider.revoked.length > 0);
    expect(stack.provider.revoked).toEqual([token]);
  });
});

/** The audience also takes tokens of another client of the provider, which this service never was. */
const shopToo = (loaded: Configuration): Configuration => {
  const { orders } = loaded.audiences;
  const main = orders?.accepts["main"];
  if (orders === undefined || main === undefined) throw new Error("the example has changed");
  return {
    ...loaded,
    audiences: {
      ...loaded.audiences,
      orders: { ...orders, accepts: { ...orders.accepts, main: { ...main, clients: ["cambio", "shop"] } } },
    },
  };
};

describe("who guesses learns nothing, and ends nothing", () => {
  it("an unknown, a forged, an expired and a foreign token succeed, and the provider hears nothing", async () => {
    const given = await servers.given(oneFile);
    const { stack } = given;
    const now = Math.floor(stack.time.nowMs / 1_000);
    const usual = {
      iss: stack.provider.issuer,
      sub: "alice",
      aud: "https://orders.example",
      client_id: "cambio",
      iat: now,
      exp: now + 600,
    };
    const forged = await (await createSigningKeys()).sign(usual, { kid: stack.provider.keys.kidOf("ES256") });
    const guesses = [
      "a-token-that-nobody-issued",
      `cambio_rt_${"A".repeat(70)}`,
      forged,
      await stack.token({ iat: now - 600, exp: now - 1 }),
      await stack.token({ iss: "https://another-issuer.example" }),
    ];
    for (const guess of guesses) {
      for (const answer of [await revokeAsService(given, stack.cambio, guess), await revokeAsPage(stack.cambio, guess)])
        expect([answer.status, answer.body]).toEqual([200, {}]);
    }
    expect(stack.provider.callsTo("revocation")).toBe(0);
  });

  it("a public client cannot end a token of another client of the provider; a service can, and the provider is not told", async () => {
    const given = await servers.given(oneFile, { change: shopToo });
    const { stack } = given;
    const theirs = await stack.token({ client_id: "shop" });
    expect(outcomeOf(await revokeAsPage(stack.cambio, theirs))).toBe("200");
    expect(outcomeOf(await stack.cambio.validate(theirs))).toBe("200");
    expect(outcomeOf(await revokeAsService(given, stack.cambio, theirs))).toBe("200");
    expect(outcomeOf(await stack.cambio.validate(theirs))).toBe("TOKEN_REVOKED");
    expect(stack.provider.callsTo("revocation")).toBe(0);
  });

  it("a public client cannot end another's handle", async () => {
    const given = await servers.given(oneFile);
    const { stack } = given;
    const code = await stack.newCode();
    const { accessToken, refreshToken } = tokensOf(await redeem(stack.cambio, code));
    const stranger = await stack.cambio.rpc("Revoke", { clientId: "cli", token: { value: refreshToken } });
    expect([stranger.status, stranger.body]).toEqual([200, {}]);
    expect(outcomeOf(await stack.cambio.validate(accessToken))).toBe("200");
    expect(outcomeOf(await refresh(stack.cambio, refreshToken))).toBe("200");
    expect(stack.provider.callsTo("revocation")).toBe(0);
  });

  it("a client that may not revoke is refused, and nothing ends", async () => {
    const given = await servers.given(oneFile);
    const { stack } = given;
    const token = await stack.token();
    const refused = [
      await stack.cambio.rpc("Revoke", { token: { value: token } }, { authorization: stack.authorization("orders") }),
      await stack.cambio.rpc("Revoke", { token: { value: token } }, { origin: page }),
    ];
    expect(refused.map(outcomeOf)).toEqual(["CALLER_NOT_ALLOWED", "CALLER_UNAUTHENTICATED"]);
    expect(outcomeOf(await stack.cambio.validate(token))).toBe("200");
  });
});
